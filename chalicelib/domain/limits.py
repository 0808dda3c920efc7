"""All size and count limits, in one place; `docs/reference/limits.md` is tested against them.

Each number is followed by its description in that table.
"""

from __future__ import annotations

MAX_BODY_BYTES = 1024 * 1024
"""bytes of a request, including webhook deliveries"""
MAX_ROW_BYTES = 400 * 1024
"""bytes of a stored task, trigger, template or repo, with everything that belongs to it"""
MAX_FAULTS = 1000
"""faults reported for one object of a request"""
MAX_JSON_DEPTH = 64
"""levels of nested objects and lists in the JSON of a request"""
MAX_NAME_LENGTH = 200
"""characters of a `name`, of a task, template, key or provider, and of `model`"""
MAX_TITLE_LENGTH = 500
"""characters of a `title`"""
MAX_DESCRIPTION_LENGTH = 4000
"""characters of a `description`"""
MAX_TEXT_LENGTH = 256 * 1024
"""characters of a `prompt` or a `template`, bytes of a stored one"""
MAX_TEMPLATE_DEPTH = 20
"""nested blocks of a template"""
MAX_TEMPLATE_TAGS = 2000
"""tags of a template: everything between `{{` and `}}`"""
MAX_TAG_NAME_LENGTH = 500
"""characters of the name in a tag"""
MAX_TEMPLATE_KIND_LENGTH = 64
"""characters of the `kind` of a template"""
MAX_RENDERED_BYTES = 1024 * 1024
"""bytes of a rendered title or prompt; each look-up counts as eight"""
MAX_SCRIPT_LENGTH = 64 * 1024
"""characters of `agentCommand`, `setupCommands` and `testCommand`"""
MAX_TRIGGERS = 20
"""triggers of a blueprint"""
MAX_ACTIVE_RUNS = 1000
"""tasks of a blueprint that are queued or running, if one of its schedules limits overlaps"""
MAX_CHECKED_BODIES = 100
"""items of one kind in one `POST /api/checks`, and fields of one item"""
MAX_CHECKED_SCHEMA_VALUES = 20_000
"""values of all their `paramsSchema` together"""
MAX_LABELS = 50
"""`labels` of a ticket trigger"""
MAX_LABEL_LENGTH = 200
"""characters of one label"""
MAX_PR_LABELS = 20
"""`prLabels` of a blueprint"""
MAX_PR_LABEL_LENGTH = 50
"""characters of one PR label"""
MAX_EVENTS = 100
"""`events` of a webhook"""
MAX_EVENT_LENGTH = 200
"""characters of one event"""
MAX_MAPPED_PARAMS = 100
"""params of a `paramMapping`"""
MAX_MAPPED_LENGTH = 4 * 1024 * 1024
"""characters of all values picked from a payload, as JSON"""
MAX_PARAMS = 1000
"""`params`, by name, of one manual firing"""
MAX_SCHEMA_NAMES = 1000
"""top-level names of a `paramsSchema`"""
MAX_SCHEMA_VALUES = 5000
"""values of a `paramsSchema` in total"""
MAX_SCHEMA_STEPS = 200_000
"""steps of a validation against it, and values that they visit"""
MAX_SCHEMA_SECONDS = 1
"""second of computation for a validation against it"""
MAX_QUERY_LENGTH = 1024
"""characters of a JMESPath"""
MAX_QUERY_BRACKETS = 150
"""of `[`, `(`, `{` and `!` in a JMESPath; its parser counts each as one level of nesting"""
MAX_QUERY_STEPS = 100_000
"""steps of a JMESPath, and values that they produce, before it is rejected"""
MAX_SECRETS = 50
"""`secrets` that a blueprint or a repo names"""
MAX_TRUSTED_BOTS = 20
"""`trustedBots` of a repo"""
MAX_BOT_NAME_LENGTH = 100
"""characters of the login of a bot"""
MAX_SECRET_NAME_LENGTH = 128
"""characters of the name of a secret or a variable"""
MAX_SECRET_BYTES = 64 * 1024
"""bytes of a secret, which is the limit of Secrets Manager"""
MAX_VARIABLES = 50
"""variables of an `environment`"""
MAX_VARIABLE_LENGTH = 4096
"""characters of one variable"""
MAX_WEBHOOK_PATH_LENGTH = 128
"""characters of the `path` of a webhook"""
MAX_WEBHOOK_SECRETS = 3
"""secrets of a webhook"""
MAX_WEBHOOK_SECRET_LENGTH = 500
"""characters of one secret, 16 at least"""
MAX_TOPICS = 20
"""`topicArns` of a webhook"""
MAX_TOPIC_ARN_LENGTH = 350
"""characters of one ARN"""
MAX_CREDENTIAL_LENGTH = 8192
"""characters of a provider's credential"""
MAX_CONFIG_SETTINGS = 10
"""settings of a provider"""
MAX_CONFIG_VALUE_LENGTH = 500
"""characters of one setting"""
MAX_URL_LENGTH = 1000
"""characters of a URL"""
MAX_IMAGE_LENGTH = 255
"""characters of the name of an `image`"""
MAX_BRANCH_LENGTH = 200
"""characters of a branch name"""
MAX_BRANCH_PREFIX_LENGTH = 100
"""characters of `branchPrefix` of a repo"""
MAX_CRON_LENGTH = 256
"""characters of a `cronExpression`"""
MAX_ZONE_LENGTH = 64
"""characters of a `timezone`"""
MAX_LINES_PER_BEAT = 10_000
"""log lines of one heartbeat"""
MAX_LINE_LENGTH = 64 * 1024
"""characters of one line; a line over 16 KB is cut"""
MAX_REPORTED_LENGTH = 64 * 1024
"""characters of each text in a runner's report"""
MAX_PAGE_SIZE = 100
"""items on a page of a list"""
MAX_LOG_PAGE_SIZE = 1000
"""lines on a page of a log"""
MAX_CURSOR_LENGTH = 2048
"""characters of a cursor or another query parameter"""
MAX_IDEMPOTENCY_KEY_LENGTH = 255
"""characters of an `Idempotency-Key`"""
MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""bytes of a page of a list or a log; a larger page ends early, with its cursor"""
