"""What text may be shown (docs/device-protocol.md, "Text"), with Python's own Unicode tables.

They are older than the protocol's Unicode and lack three properties, for which this takes what Python has: right-joining
letters are listed, dual-joining ones are the other Arabic letters, and an emoji is a symbol, a digit, # or *. A phone uses
tables of the version that the protocol names.
"""

import re
import unicodedata

from adp import Refused

LONGEST = {"binding_message": 100, "context": 100, "client_name": 60, "device_name": 60, "detail_value": 200}
BIDI_CONTROL = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
DEFAULT_IGNORABLE = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2065, 0x3164, 0xFFA0}
DEFAULT_IGNORABLE |= {*range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000)}
RIGHT_JOINING = set("آأؤإاةدذرزوٱڈڑژ")
LINE_BREAKS = set("\n\r\v\f\x85\u2028\u2029")
BLANK_BRAILLE = "\u2800"
JOINERS, EMOJI_FORMS = set("\u200c\u200d"), set("\ufe0e\ufe0f")
SCHEMES = "http|https|ftp|mailto|tel|sms|javascript|data|intent|market"


def check(kind, text):
    """Raises `Refused` with the first rule that the text breaks."""
    if len(text) > LONGEST[kind]:
        raise Refused("TooLong")
    if not text.strip():
        raise Refused("Blank")
    if not unicodedata.is_normalized("NFC", text):
        raise Refused("NotNormalised")
    for at in range(len(text)):
        character(text, at)
    if re.search(r"<[A-Za-z/!?]|&(#[xX][0-9A-Fa-f]+|#[0-9]+|[A-Za-z][A-Za-z0-9]+);", text):
        raise Refused("Markup")
    if has_url(text):
        raise Refused("Url")


def character(text, at):
    found = text[at]
    if " " <= found <= "~":
        return
    category = unicodedata.category(found)
    if found in JOINERS:
        if not joins(text[:at], text[at + 1 :]):
            raise Refused("Joiner")
    elif found in EMOJI_FORMS:
        if not (at and (unicodedata.category(text[at - 1]) in ("So", "Sm") or text[at - 1] in "#*0123456789")):
            raise Refused("Invisible")
    elif 0xE0000 <= ord(found) <= 0xE007F:
        raise Refused("Tag")
    elif found in LINE_BREAKS:
        raise Refused("LineBreak")
    elif ord(found) in BIDI_CONTROL:
        raise Refused("BidiControl")
    elif category in ("Cc", "Co", "Cn", "Cs"):
        raise Refused({"Cc": "Control", "Co": "PrivateUse"}.get(category, "Unassigned"))
    elif category == "Cf" or ord(found) in DEFAULT_IGNORABLE or found == BLANK_BRAILLE:
        raise Refused("Invisible")
    elif category in ("Mn", "Me") and all(unicodedata.category(mark) in ("Mn", "Me") for mark in text[max(0, at - 4) : at]):
        if at < 4 and any(unicodedata.category(mark) not in ("Mn", "Me") for mark in text[:at]):
            return
        raise Refused("Marks")


def joins(before, after):
    if not before or not after:
        return False
    if unicodedata.combining(before[-1]) == 9:  # a virama
        return unicodedata.category(after[0]).startswith("L")
    previous = next((letter for letter in reversed(before) if not transparent(letter)), "")
    following = next((letter for letter in after if not transparent(letter)), "")
    return joining(previous) and previous not in RIGHT_JOINING and joining(following)


def transparent(letter):
    return unicodedata.category(letter) in ("Mn", "Me")


def joining(letter):
    return bool(letter) and unicodedata.bidirectional(letter) == "AL" and unicodedata.category(letter).startswith("L")


def has_url(text):
    """A letter is taken widely here: beyond ASCII everything that is no white space."""
    letter = r"(?:[A-Za-z]|[^\x00-\x7f\s])"
    host = rf"(?:{letter}|[0-9._-])+"
    if "://" in text or re.search(rf"(?<![A-Za-z0-9])(?:{SCHEMES}):(?=\S)", text, re.IGNORECASE):
        return True
    for run in re.finditer(host, text):
        name, more = run.group(), text[run.end() :]
        if re.match(rf"www\.(?:{letter}|[0-9])", name, re.IGNORECASE):
            return True
        above, dot, top = name.rstrip(".").rpartition(".")
        domain = dot and re.search(rf"{letter}|[0-9]", above)
        if domain and (re.fullmatch(rf"{letter}{{2,}}", top) or top.lower().startswith("xn--")):
            if re.match(rf"[/\\]|:[0-9]|[?#](?:{letter}|[0-9])", more):
                return True
    return False
