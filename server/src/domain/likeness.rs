//! Names that look alike (UTS #39): people tell clients, and the parameters of what they approve, apart by their names alone.

use unicode_security::confusable_detection::skeleton;

/// What a name looks like (UTS #39 §4), whatever its case and its spaces, since neither tells two names apart at a
/// glance. Twice, for neither order of folding finds all: `PayPaI` looks like `PayPal` as it is written, and `LIMITED`
/// like `Limited` only in small letters. Of pairs of letters, UTS #39 knows `rn` for `m`; `vv` for `w` is ours. What only some
/// typefaces join (`cl` and `d`) or is alike in some hands alone (`5` and `S`) are other names.
#[must_use]
pub fn likeness(name: &str) -> [String; 2] {
    let folded = |seen: String| -> String {
        let seen: String = skeleton(&seen.to_lowercase()).collect();
        let seen: String = skeleton(&seen.to_lowercase()).filter(|c| !c.is_whitespace()).collect();
        seen.replace('w', "vv")
    };
    [folded(skeleton(name).collect()), folded(name.to_lowercase())]
}

/// Whether people would take one for the other.
#[must_use]
pub fn look_alike(one: &[String; 2], other: &[String; 2]) -> bool {
    one.iter().zip(other).any(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::{likeness, look_alike};

    fn alike(one: &str, other: &str) -> bool {
        look_alike(&likeness(one), &likeness(other))
    }

    #[test]
    fn names_that_look_alike_are_alike() {
        let cyrillic = "\u{415}\u{445}\u{430}m\u{440}l\u{435} \u{412}\u{430}nk";
        for other in ["EXAMPLE BANK", "Examp1e Bank", "ExampIe Bank", cyrillic, "Example  Bank", "ExampleBank"] {
            assert!(alike("Example Bank", other), "{other}");
        }
        assert!(alike("Bank Limited", "BANK LIMITED"));
        assert!(alike("Modern Shop", "Modem Shop"), "rn and m");
        assert!(alike("Wine Shop", "VVine Shop") && alike("Vwine", "VVvine"), "vv and w");
        assert!(alike("Shop 0", "Shop O"));
    }

    #[test]
    fn other_names_are_not() {
        for other in ["Example Bunk", "Example Bank 2", "Bank Example", "Ex\u{e4}mple Bank", "Example"] {
            assert!(!alike("Example Bank", other), "{other}");
        }
    }
}
