"""Tokens as an application signs them."""

import base64
import hashlib
import hmac
import json
import time

SECRET = "a secret of these tests and of nothing else"

# Lets tokens of these tests in.
KEY = f'[client.token]\nhmac_secret_key = "{SECRET}"\n'


def now():
    return int(time.time())


def token(**claims):
    def encode(some):
        return base64.urlsafe_b64encode(some).rstrip(b"=")

    head = encode(b'{"alg":"HS256","typ":"JWT"}')
    signed = head + b"." + encode(json.dumps(claims).encode())
    signature = encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest())
    return (signed + b"." + signature).decode()
