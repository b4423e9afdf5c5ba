"""SES v2 and SNS in one process, by moto: LocalStack has no SES v2. Prints where they are, and at each line of standard
input all that was sent since."""

import json
import sys

import boto3
from moto.server import ThreadedMotoServer
from moto.sesv2.responses import SESV2Response

mails = []
send_email = SESV2Response.send_email


def keep(self):
    """moto keeps one of the two bodies: this keeps the request as it came."""
    reply = send_email(self)
    mails.append(json.loads(self.body))
    return reply


SESV2Response.send_email = keep
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
# The region of the functions that are run by tests: moto keeps what it knows by region.
made = {
    "endpoint_url": f"http://{host}:{port}",
    "region_name": "eu-west-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
}
boto3.client("sesv2", **made).create_email_identity(EmailIdentity="ops@example.com")
topics, queues = boto3.client("sns", **made), boto3.client("sqs", **made)
topic = topics.create_topic(Name="digest")["TopicArn"]
queue = queues.create_queue(QueueName="subscriber")["QueueUrl"]
arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
print(json.dumps({"url": made["endpoint_url"], "topic": topic}), flush=True)
for _ in sys.stdin:
    received = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    print(json.dumps({"mails": mails, "published": [json.loads(one["Body"]) for one in received]}), flush=True)
    mails.clear()
