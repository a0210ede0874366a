#!/usr/bin/env python3
"""Makes the vectors beside this file.

    generate.py signers > signers.txt           tokens signed by joserfc and cryptography
    generate.py wycheproof DIR > wycheproof.txt  from a checkout of C2SP's Wycheproof

A line is one of

    keys NAME JWK-SET
    token NAME JWS                               a token that is valid by the last keys
    jws RESULT NAME JWS                          valid or invalid by the last keys
    raw RESULT NAME ALGORITHM MESSAGE SIGNATURE  the same for bytes in base64url
"""

import base64
import json
import pathlib
import sys

RSA_BITS = (2048, 3072, 4096, 8192)
CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
CLAIMS = {"user_id": 7, "username": "alice", "enabled": True, "exp": 4102444800}


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode() or "-"


def compact(value) -> str:
    return json.dumps(value, separators=(",", ":"))


def signers() -> None:
    import joserfc
    from joserfc import jws
    from joserfc.jwk import ECKey, OKPKey, RSAKey
    import cryptography

    print(f"# By generate.py signers: joserfc {joserfc.__version__}, "
          f"cryptography {cryptography.__version__}.")
    keys = [(f"RSA-{bits}", RSAKey.generate_key(bits), [f"{family}{hash}" for family in ("RS", "PS")
                                                         for hash in (256, 384, 512)])
            for bits in RSA_BITS]
    keys += [(curve, ECKey.generate_key(curve), [name]) for curve, name in CURVES.items()]
    keys += [("Ed25519", OKPKey.generate_key("Ed25519"), ["Ed25519", "EdDSA"])]
    for name, key, algorithms in keys:
        public = dict(key.as_dict(private=False), kid=name)
        print("keys", name, compact({"keys": [public]}))
        for algorithm in algorithms:
            token = jws.serialize_compact(
                {"alg": algorithm, "kid": name}, compact(CLAIMS), key, algorithms=[algorithm])
            print("token", f"{algorithm}-{name}", token)


def wycheproof(directory: pathlib.Path) -> None:
    print("# From C2SP's Wycheproof at commit dac1dd4729fd1f8dd9e1e9f3dce51d783da6c166, by")
    print("# generate.py wycheproof. Copyright of the Wycheproof authors, Apache License 2.0. Left")
    print("# out: the groups of HMAC keys, but for one.")
    vectors = directory / "testvectors_v1"
    for kind in ("signature", "key"):
        data = json.loads((vectors / f"json_web_{kind}_test.json").read_text())
        for number, group in enumerate(data["testGroups"]):
            keys = group.get("public", group.get("private"))
            keys = keys if "keys" in keys else {"keys": [keys]}
            if number > 0 and all(key["kty"] == "oct" for key in keys["keys"]):
                continue
            print("keys", f"{kind}-{number}", compact(keys))
            for test in group["tests"]:
                # A vector with spaces or line breaks would need another form.
                if isinstance(test["jws"], str) and not any(c.isspace() for c in test["jws"]):
                    print("jws", test["result"], f"{kind}-{test['tcId']}-{test['comment'].replace(' ', '-')}",
                          test["jws"] or "-")
    files = {
        "ecdsa_secp256r1_sha256_p1363": "ES256", "ecdsa_secp384r1_sha384_p1363": "ES384",
        "ecdsa_secp521r1_sha512_p1363": "ES512", "ed25519": "Ed25519",
    }
    for file, algorithm in files.items():
        data = json.loads((vectors / f"{file}_test.json").read_text())
        for number, group in enumerate(data["testGroups"]):
            print("keys", f"{algorithm}-{number}", compact({"keys": [jwk(group, algorithm)]}))
            for test in group["tests"]:
                message, signature = (bytes.fromhex(test[name]) for name in ("msg", "sig"))
                print("raw", test["result"], f"{algorithm}-{test['tcId']}", algorithm,
                      encoded(message), encoded(signature))


def jwk(group: dict, algorithm: str) -> dict:
    if "publicKeyJwk" in group:
        key = group["publicKeyJwk"]
        return {name: key[name] for name in ("kty", "crv", "x", "y") if name in key}
    key = group["publicKey"]
    if algorithm == "Ed25519":
        return {"kty": "OKP", "crv": "Ed25519", "x": encoded(bytes.fromhex(key["pk"]))}
    length = {"ES256": 32, "ES384": 48, "ES512": 66}[algorithm]
    curve = {name: curve for curve, name in CURVES.items()}[algorithm]
    x, y = (encoded(int(key[name], 16).to_bytes(length, "big")) for name in ("wx", "wy"))
    return {"kty": "EC", "crv": curve, "x": x, "y": y}


if __name__ == "__main__":
    if sys.argv[1] == "signers":
        signers()
    else:
        wycheproof(pathlib.Path(sys.argv[2]))
