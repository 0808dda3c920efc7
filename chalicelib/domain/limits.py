"""All size and count limits, in one place; `docs/reference/limits.md` is tested against them.

Each number is followed by its description in that table.
"""

from __future__ import annotations

BODY = 1024 * 1024
"""bytes of a request, including webhook deliveries"""
ROW = 400 * 1024
"""bytes of a stored task, trigger, template or repo, with everything that belongs to it"""
FAULTS = 1000
"""faults reported for one object of a request"""
DEPTH = 64
"""levels of nested objects and lists in the JSON of a request"""
NAME = 200
"""characters of a `name`, of a task, template, key or provider, and of `model`"""
TITLE = 500
"""characters of a `title`"""
DESCRIPTION = 4000
"""characters of a `description`"""
TEXT = 256 * 1024
"""characters of a `prompt` or a `template`, bytes of a stored one"""
BLOCKS = 20
"""nested blocks of a template"""
TAGS = 2000
"""tags of a template: everything between `{{` and `}}`"""
TAG = 500
"""characters of the name in a tag"""
KIND = 64
"""characters of the `kind` of a template"""
OUTPUT = 1024 * 1024
"""bytes of a rendered title or prompt; each look-up counts as eight"""
SCRIPT = 64 * 1024
"""characters of `agentCommand`, `setupCommands` and `testCommand`"""
TRIGGERS = 20
"""triggers of a blueprint"""
ACTIVE = 1000
"""tasks of a blueprint that are queued or running, if one of its schedules limits overlaps"""
CHECKED = 100
"""items of one kind in one `POST /api/checks`, and fields of one item"""
CHECKED_SCHEMAS = 20_000
"""values of all their `paramsSchema` together"""
LABELS = 50
"""`labels` of a ticket trigger"""
LABEL = 200
"""characters of one label"""
PR_LABELS = 20
"""`prLabels` of a blueprint"""
PR_LABEL = 50
"""characters of one PR label"""
EVENTS = 100
"""`events` of a webhook"""
EVENT = 200
"""characters of one event"""
MAPPED = 100
"""params of a `paramMapping`"""
PICKED = 4 * 1024 * 1024
"""characters of all values picked from a payload, as JSON"""
PARAMS = 1000
"""`params`, by name, of one manual firing"""
SCHEMA = 1000
"""top-level names of a `paramsSchema`"""
SCHEMA_VALUES = 5000
"""values of a `paramsSchema` in total"""
SCHEMA_STEPS = 200_000
"""steps of a validation against it, and values that they visit"""
SCHEMA_SECONDS = 1
"""second of computation for a validation against it"""
QUERY = 1024
"""characters of a JMESPath"""
QUERY_OPENS = 150
"""of `[`, `(`, `{` and `!` in a JMESPath; its parser counts each as one level of nesting"""
QUERY_STEPS = 100_000
"""steps of a JMESPath, and values that they produce, before it is rejected"""
SECRETS = 50
"""`secrets` that a blueprint or a repo names"""
BOTS = 20
"""`trustedBots` of a repo"""
BOT = 100
"""characters of the login of a bot"""
SECRET_NAME = 128
"""characters of the name of a secret or a variable"""
SECRET = 64 * 1024
"""bytes of a secret, which is the limit of Secrets Manager"""
VARIABLES = 50
"""variables of an `environment`"""
VARIABLE = 4096
"""characters of one variable"""
HOOK_PATH = 128
"""characters of the `path` of a webhook"""
HOOK_SECRETS = 3
"""secrets of a webhook"""
HOOK_SECRET = 500
"""characters of one secret, 16 at least"""
TOPICS = 20
"""`topicArns` of a webhook"""
TOPIC_ARN = 350
"""characters of one ARN"""
CREDENTIAL = 8192
"""characters of a provider's credential"""
CONFIG = 10
"""settings of a provider"""
CONFIG_VALUE = 500
"""characters of one setting"""
URL = 1000
"""characters of a URL"""
IMAGE = 255
"""characters of the name of an `image`"""
BRANCH = 200
"""characters of a branch name"""
BRANCH_PREFIX = 100
"""characters of `branchPrefix` of a repo"""
CRON = 256
"""characters of a `cronExpression`"""
ZONE = 64
"""characters of a `timezone`"""
LINES = 10_000
"""log lines of one heartbeat"""
LINE = 64 * 1024
"""characters of one line; a line over 16 KB is cut"""
REPORTED = 64 * 1024
"""characters of each text in a runner's report"""
PAGE = 100
"""items on a page of a list"""
LOG_PAGE = 1000
"""lines on a page of a log"""
CURSOR = 2048
"""characters of a cursor or another query parameter"""
IDEMPOTENCY_KEY = 255
"""characters of an `Idempotency-Key`"""
ANSWER = 4 * 1024 * 1024
"""bytes of a page of a list or a log; a larger page ends early, with its cursor"""
