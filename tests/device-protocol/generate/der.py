"""`der.json`: signatures as platforms give them."""

from signatures import *

def integer(data):
    return b"\x02" + bytes([len(data)]) + data


def sequence(body):
    return b"\x30" + bytes([len(body)]) + body


def shortest(number):
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


good_r, good_s = integer(shortest(R)), integer(shortest(S))
good = sequence(good_r + good_s)
assert good == DEVICE.der(INPUT.encode())
small = sequence(integer(b"\x01") + integer(b"\x7f"))
top = sequence(integer(shortest(N - 1)) + integer(shortest(N - 1)))
write(
    "der.json",
    {
        "accepted": [
            {"name": "a signature", "der": good.hex(), "raw": raw(R, S).hex()},
            {"name": "small numbers", "der": small.hex(), "raw": raw(1, 0x7F).hex()},
            {"name": "the largest numbers", "der": top.hex(), "raw": raw(N - 1, N - 1).hex()},
            {"name": "a needed zero", "der": sequence(integer(b"\0\x80") + integer(b"\x01")).hex(), "raw": raw(0x80, 1).hex()},
        ],
        "refused": [
            {"name": name, "der": data.hex()}
            for name, data in {
                "empty": b"",
                "raw where DER belongs": raw(R, S),
                "trailing byte": good + b"\0",
                "trailing byte inside": sequence(good_r + good_s + b"\0"),
                "third integer": sequence(good_r + good_s + integer(b"\x01")),
                "one integer": sequence(good_r),
                "truncated": good[:-1],
                "long form of a short length": b"\x30\x81" + good[1:],
                "long form of an integer's length": sequence(b"\x02\x81" + good_r[1:] + good_s),
                "indefinite length": b"\x30\x80" + good[2:] + b"\0\0",
                "a set": b"\x31" + good[1:],
                "an octet string for r": sequence(b"\x04" + good_r[1:] + good_s),
                "a needless zero": sequence(integer(b"\0\x01") + integer(b"\x01")),
                "two zeros before r": sequence(integer(b"\0" + shortest(R)) + good_s),
                "a negative r": sequence(integer(b"\x80") + integer(b"\x01")),
                "an integer without content": sequence(integer(b"") + good_s),
                "r is zero": sequence(integer(b"\0") + good_s),
                "s is zero": sequence(good_r + integer(b"\0")),
                "r is n": sequence(integer(shortest(N)) + good_s),
                "s is n": sequence(good_r + integer(shortest(N))),
                "r of 33 bytes": sequence(integer(b"\x01" + bytes(32)) + integer(b"\x01")),
            }.items()
        ],
    },
)
