"""`tickets.json`: enrolment links."""

from flow import *

TICKET = f"{ISSUER}/enrol#v=1&c={b64(CODE)}&k={b64(ROOT.thumbprint)}&x={TICKET_EXPIRES}"
FRAGMENT = TICKET.split("#")[1]
read = {"issuer": ISSUER, "code": b64(CODE), "root": b64(ROOT.thumbprint), "expires_at": TICKET_EXPIRES}
write(
    "tickets.json",
    {
        "written": [
            {"ticket": TICKET, **read},
            {"ticket": TICKET.replace(ISSUER, "http://localhost:8080/realms/a"), **read, "issuer": "http://localhost:8080/realms/a"},
        ],
        "read": [
            {"ticket": f"{ISSUER}/enrol#" + "&".join(FRAGMENT.split("&")[::-1]), **read},
            {"ticket": TICKET + "&y=later", **read},
        ],
        "refused": {
            "empty": "",
            "no fragment": TICKET.split("#")[0],
            "another path": TICKET.replace("/enrol#", "/enroll#"),
            "secret in the query": TICKET.replace("#", "?"),
            "version 2": TICKET.replace("v=1", "v=2"),
            "no version": TICKET.replace("v=1&", ""),
            "version twice": TICKET + "&v=1",
            "code twice": TICKET + f"&c={ident('x')}",
            "no code": TICKET.replace("c=", "d="),
            "short code": TICKET.replace(b64(CODE), b64(CODE[1:])),
            "padded code": TICKET.replace(b64(CODE), b64(CODE) + "=="),
            "no root": TICKET.replace("k=", "l="),
            "short root": TICKET.replace(b64(ROOT.thumbprint), b64(ROOT.thumbprint[1:])),
            "expiry not a number": TICKET + "0x",
            "expiry with a sign": TICKET.replace("x=", "x=+"),
            "expiry before 1970": TICKET.replace("x=", "x=-"),
            "expiry with a leading zero": TICKET.replace("x=", "x=0"),
            "expiry too large": TICKET + "0" * 20,
            "no expiry": TICKET.replace("x=", "z="),
            "a part without a name": TICKET + "&y",
            "trailing ampersand": TICKET + "&",
            "no scheme": TICKET.replace("https://", ""),
            "another scheme": TICKET.replace("https://", "ftp://"),
            "scheme in capitals": TICKET.replace("https://", "HTTPS://"),
            "no host": TICKET.replace("op.example", ""),
            "user in the issuer": TICKET.replace("op.example", "op.example@evil.example"),
            "query in the issuer": TICKET.replace("op.example", "op.example?a"),
            "fragment in the issuer": TICKET.replace("op.example", "op.example#a"),
            "backslash in the issuer": TICKET.replace("op.example", "op.example\\evil.example"),
            "space in the issuer": TICKET.replace("op.example", "op example"),
            "trailing slash in the issuer": TICKET.replace("/enrol", "//enrol"),
            "leading space": " " + TICKET,
            "trailing line break": TICKET + "\n",
        },
    },
)
