"""A relying party made of Authlib: asks alice, says the auth_req_id, polls, and says who agreed, or why there is nothing."""

import json
import os
import time

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

CIBA = "urn:openid:params:grant-type:ciba"
ISSUER, CLIENT, METHOD = os.environ["ISSUER"], os.environ["CLIENT"], os.environ["METHOD"]


def session():
    method, credential = METHOD, os.environ.get("SECRET")
    if method == "private_key_jwt":
        credential = ECKey.import_key(json.loads(os.environ["JWK"]))
    if method.endswith("tls_client_auth"):
        method = "none"  # as this library calls a client_id without anything
    made = OAuth2Session(CLIENT, credential, token_endpoint_auth_method=method)
    made.register_client_auth_method(ClientSecretJWT())
    made.register_client_auth_method(PrivateKeyJWT(alg="ES256"))
    made.verify = os.environ["CA"]
    if "CERT" in os.environ:
        made.cert = os.environ["CERT"], os.environ["KEY"]
    return made


def main():
    client = session()
    op = client.get(f"{ISSUER}/.well-known/openid-configuration", withhold_token=True).json()
    keys = KeySet.import_key_set(client.get(op["jwks_uri"], withhold_token=True).json())
    if client.cert:
        op |= op["mtls_endpoint_aliases"]
    asking = {"scope": "openid", "login_hint": "alice", "binding_message": "Pay 12.50 EUR"}
    by = client.client_auth(client.token_endpoint_auth_method)
    endpoint = op["backchannel_authentication_endpoint"]
    asked = client.post(endpoint, data=asking, auth=by, withhold_token=True).json()
    print(asked["auth_req_id"], flush=True)
    while True:
        time.sleep(asked["interval"])
        try:
            tokens = client.fetch_token(op["token_endpoint"], grant_type=CIBA, auth_req_id=asked["auth_req_id"])
            break
        except OAuthError as refusal:
            if refusal.error != "authorization_pending":
                print("not agreed:", refusal.error)
                return
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["ES256"]).claims
    jwt.JWTClaimsRegistry(iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": CLIENT}).validate(claims)
    assert client.get(op["userinfo_endpoint"]).json()["sub"] == claims["sub"]
    print("agreed:", claims["sub"])


main()
