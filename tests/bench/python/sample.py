"""What people write first: boto3 and requests, and a token from LWA with every invocation.

The shape of Amazon's samples, without their mistakes: parameters are told apart by name, the
status is checked, and nothing waits for ever. It is here to be compared with, by
`cargo xtask bench`, which plays the services.
"""

import os

import boto3
import requests

NAMES = {
    "client_id": "/my-erp/lwa/clientidentifier",
    "client_secret": "/my-erp/lwa/clientsecret",
    "refresh_token": "/my-erp/refreshToken",
}

ssm = boto3.client("ssm")


def handler(event, context):
    answer = ssm.get_parameters(Names=list(NAMES.values()), WithDecryption=True)
    values = {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
    form = {field: values[name] for field, name in NAMES.items()}
    response = requests.post(
        os.environ["LWA_TOKEN_URL"],
        data={"grant_type": "refresh_token", **form},
        timeout=10,
    )
    response.raise_for_status()
    token = response.json()
    return {"access_token": token["access_token"], "expires_in": token["expires_in"]}
