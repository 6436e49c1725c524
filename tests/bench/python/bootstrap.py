"""The Lambda Runtime API's loop, in the shape of AWS's own client for Python."""

import http.client
import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))

from sample import handler

INVOCATION = "/2018-06-01/runtime/invocation"


def main():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", f"{INVOCATION}/next")
        answer = api.getresponse()
        event = json.loads(answer.read())
        request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            result, path = handler(event, None), "response"
        except Exception as error:
            result = {"errorType": type(error).__name__, "errorMessage": str(error)}
            path = "error"
        body = json.dumps(result)
        api.request("POST", f"{INVOCATION}/{request_id}/{path}", body)
        api.getresponse().read()


main()
