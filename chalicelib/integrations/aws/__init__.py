"""AWS services other than stores: SQS, SNS, Secrets Manager, CodeBuild, logs, metrics.

DynamoDB and S3 do not belong here: they are in `storage`.
May import botocore, the domain, the ports and `integrations.http`.
"""
