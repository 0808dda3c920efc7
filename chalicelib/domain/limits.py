"""How much of everything there may be: the one place, and the table of docs/limits.md.

Each number is followed by what it limits, in the words of that table.
"""

from __future__ import annotations

BODY = 1024 * 1024
"""bytes of a request, deliveries of webhooks included"""
ROW = 400 * 1024
"""bytes of a task, its trigger, a template or a repo, with all that belongs to it"""
FAULTS = 1000
"""faults that are told of one thing that a request says"""
DEPTH = 64
"""levels of JSON in a request: objects and lists within each other"""
NAME = 200
"""characters of a `name`, of a task, template, key or provider, and of `model`"""
TITLE = 500
"""characters of a `title`"""
DESCRIPTION = 4000
"""characters of a `description`"""
TEXT = 256 * 1024
"""characters of a `prompt` or a `template`, bytes of a stored one"""
BLOCKS = 20
"""blocks of a template within each other"""
TAGS = 2000
"""tags of a template: what stands between `{{` and `}}`"""
TAG = 500
"""characters of the name in one of them"""
KIND = 64
"""characters of the `kind` of a template"""
OUTPUT = 1024 * 1024
"""bytes of a rendered title or prompt, where each look-up counts as eight"""
SCRIPT = 64 * 1024
"""characters of `agentCommand`, `setupCommands` and `testCommand`"""
TRIGGERS = 20
"""triggers of a definition"""
ACTIVE = 1000
"""tasks of a definition that wait or work at a time, where a schedule of it minds overlaps"""
CHECKED = 100
"""things of one kind in one `POST /api/checks`, and fields of one of them"""
CHECKED_SCHEMAS = 20_000
"""values of all their `paramsSchema` together"""
LABELS = 50
"""`labels` of a ticket trigger"""
LABEL = 200
"""characters of one of them"""
PR_LABELS = 20
"""`prLabels` of a definition"""
PR_LABEL = 50
"""characters of one of them"""
EVENTS = 100
"""`events` of a webhook"""
EVENT = 200
"""characters of one of them"""
MAPPED = 100
"""params of a `paramMapping`"""
PICKED = 4 * 1024 * 1024
"""characters of all that it picks out of a payload, as JSON"""
PARAMS = 1000
"""`params` of one firing by hand, by their names"""
SCHEMA = 1000
"""names of a `paramsSchema` on its first level"""
SCHEMA_VALUES = 5000
"""values of a `paramsSchema` in all"""
SCHEMA_STEPS = 200_000
"""steps of a check against it, and values that they look at"""
SCHEMA_SECONDS = 1
"""second of computing for a check against it"""
QUERY = 1024
"""characters of a JMESPath"""
QUERY_OPENS = 150
"""of `[`, `(`, `{` and `!` in a JMESPath: its parser takes each for one more nesting"""
QUERY_STEPS = 100_000
"""steps of a JMESPath, and values that they make, before it is refused"""
SECRETS = 50
"""`secrets` that a definition or a repo names"""
BOTS = 20
"""`trustedBots` of a repo"""
BOT = 100
"""characters of the login of a bot"""
SECRET_NAME = 128
"""characters of the name of a secret or a variable"""
SECRET = 64 * 1024
"""bytes of a secret, as Secrets Manager has it"""
VARIABLES = 50
"""variables of an `environment`"""
VARIABLE = 4096
"""characters of one of them"""
HOOK_PATH = 128
"""characters of the `path` of a webhook"""
HOOK_SECRETS = 3
"""secrets of a webhook"""
HOOK_SECRET = 500
"""characters of one of them, 16 at least"""
TOPICS = 20
"""`topicArns` of a webhook"""
TOPIC_ARN = 350
"""characters of one of them"""
CREDENTIAL = 8192
"""characters of the credential of a provider"""
CONFIG = 10
"""settings of a provider"""
CONFIG_VALUE = 500
"""characters of one of them"""
URL = 1000
"""characters of a URL"""
IMAGE = 255
"""characters of the name of an `image`"""
BRANCH = 200
"""characters of the name of a branch"""
BRANCH_PREFIX = 100
"""characters of `branchPrefix` of a repo"""
CRON = 256
"""characters of a `cronExpression`"""
ZONE = 64
"""characters of a `timezone`"""
LINES = 10_000
"""log lines of one beat"""
LINE = 64 * 1024
"""characters of one of them; over 16 KB it is cut"""
REPORTED = 64 * 1024
"""characters of each text in a runner's report"""
PAGE = 100
"""things on a page of a list"""
LOG_PAGE = 1000
"""lines on a page of a log"""
CURSOR = 2048
"""characters of a cursor or another parameter of the query"""
IDEMPOTENCY_KEY = 255
"""characters of an `Idempotency-Key`"""
ANSWER = 4 * 1024 * 1024
"""bytes of what a page of a list or of a log holds: it ends early, with its cursor"""
