//! Certificates of every sort before the judge (RFC 8705 §2, RFC 5280 §6).

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

mod pki;

use pki::{Authority, Certified};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, DnValue, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, NameConstraints, date_time_ymd,
};
use server::certificates::{BadAnchors, Leaf, Refused, TrustAnchors};
use server::domain::certificate::ClientCertificate;
use server::domain::certificate::name::CertificateName;
use server::domain::time::Timestamp;

/// 2026-11-21.
const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_219_200);

fn believing(authorities: &[&Authority]) -> TrustAnchors {
    let pem: String = authorities.iter().map(|authority| authority.pem()).collect();
    TrustAnchors::from_pem(pem.as_bytes()).unwrap()
}

/// What one root says of a client that it issued and that differs.
fn judged(differ: impl FnOnce(&mut CertificateParams)) -> Result<Leaf, Refused> {
    let root = Authority::root("root");
    believing(&[&root]).judge(&root.client_with(differ).shown(&[]), NOW)
}

fn name(member: &str, value: &str) -> CertificateName {
    CertificateName::parse(member, value).unwrap()
}

#[test]
fn a_client_of_a_trusted_authority_passes() {
    let (root, other) = (Authority::root("root"), Authority::root("other"));
    let client = root.client();
    let leaf = believing(&[&other, &root]).judge(&client.shown(&[]), NOW).unwrap();
    assert_eq!(leaf.spki(), client.spki);
    assert!(leaf.is_named(&name("tls_client_auth_san_dns", "shop.example")));
}

#[test]
fn an_authority_that_is_not_trusted_counts_for_nothing() {
    let (root, same_name) = (Authority::root("root"), Authority::root("root"));
    let client = same_name.client();
    assert_eq!(believing(&[&Authority::root("other")]).judge(&client.shown(&[]), NOW), Err(Refused::UnknownIssuer));
    // Sent along, it is still none of ours.
    assert_eq!(believing(&[&root]).judge(&client.shown(&[&same_name]), NOW), Err(Refused::BrokenPath));
    let own = Certified::self_signed(|_| {});
    assert_eq!(believing(&[&root]).judge(&own.shown(&[]), NOW), Err(Refused::UnknownIssuer));
}

#[test]
fn intermediate_authorities_must_be_sent() {
    let root = Authority::root("root");
    let regional = root.intermediate("regional");
    let local = regional.intermediate("local");
    let (client, anchors) = (local.client(), believing(&[&root]));
    for sent in [&[&local, &regional][..], &[&regional, &local], &[&Authority::root("stray"), &regional, &local]] {
        assert!(anchors.judge(&client.shown(sent), NOW).is_ok(), "in any order");
    }
    for missing in [&[][..], &[&local], &[&regional]] {
        assert_eq!(anchors.judge(&client.shown(missing), NOW), Err(Refused::UnknownIssuer));
    }
    assert!(believing(&[&local]).judge(&client.shown(&[]), NOW).is_ok(), "an anchor need be no root");
}

#[test]
fn an_intermediate_authority_has_its_own_bounds() {
    let root = Authority::root("root");
    let anchors = believing(&[&root]);
    let judged = |differ: fn(&mut CertificateParams)| {
        let local = root.intermediate_with("local", differ);
        anchors.judge(&local.client().shown(&[&local]), NOW)
    };
    assert!(judged(|_| {}).is_ok());
    assert_eq!(judged(|it| it.is_ca = IsCa::ExplicitNoCa), Err(Refused::BrokenPath));
    assert_eq!(judged(|it| it.is_ca = IsCa::NoCa), Err(Refused::BrokenPath));
    assert_eq!(judged(|it| it.not_after = date_time_ymd(2025, 1, 1)), Err(Refused::OutOfTime));
    assert_eq!(
        judged(|it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        Err(Refused::NotForClients)
    );
    let only = |domain: &str| NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
        excluded_subtrees: Vec::new(),
    };
    let local = root.intermediate_with("local", |it| it.name_constraints = Some(only("example")));
    assert!(anchors.judge(&local.client().shown(&[&local]), NOW).is_ok());
    let local = root.intermediate_with("local", |it| it.name_constraints = Some(only("shop.example")));
    let strayed = anchors.judge(&local.client().shown(&[&local]), NOW);
    assert_eq!(strayed, Err(Refused::BrokenPath), "another of its names lies elsewhere");
    let last = root.intermediate_with("last", |it| it.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let beyond = last.intermediate("beyond");
    assert_eq!(anchors.judge(&beyond.client().shown(&[&beyond, &last]), NOW), Err(Refused::BrokenPath));
}

#[test]
fn a_client_cannot_issue_clients() {
    let root = Authority::root("root");
    let client = root.intermediate_with("shop", |it| {
        it.is_ca = IsCa::ExplicitNoCa;
        it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let forged = client.client();
    assert_eq!(believing(&[&root]).judge(&forged.shown(&[&client]), NOW), Err(Refused::BrokenPath));
}

#[test]
fn validity_is_judged_at_both_ends() {
    let valid = |it: &mut CertificateParams| {
        it.not_before = date_time_ymd(2026, 1, 1);
        it.not_after = date_time_ymd(2027, 1, 1);
    };
    let root = Authority::root("root");
    let (anchors, client) = (believing(&[&root]), root.client_with(valid).shown(&[]));
    let (begin, end) = (1_767_225_600, 1_798_761_600);
    for (at, expected) in [(begin - 1, false), (begin, true), (end, true), (end + 1, false)] {
        let at = Timestamp::from_unix_seconds(at);
        let verdict = anchors.judge(&client, at);
        let expected = if expected { Ok(()) } else { Err(Refused::OutOfTime) };
        assert_eq!(verdict.map(drop), expected, "{at:?}");
        assert_eq!(Leaf::unchained(&client, at).map(drop), expected, "{at:?} without a path");
    }
}

#[test]
fn an_authority_that_has_expired_is_trusted_no_more() {
    let old = Authority::root_with("root", |it| it.not_after = date_time_ymd(2025, 1, 1));
    assert_eq!(believing(&[&old]).judge(&old.client().shown(&[]), NOW), Err(Refused::UnknownIssuer));
}

#[test]
fn a_certificate_must_be_a_clients() {
    assert!(judged(|it| it.extended_key_usages = Vec::new()).is_ok(), "RFC 5280 §4.2.1.12: for anything");
    let both = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    assert!(judged(|it| it.extended_key_usages = both).is_ok());
    for other in [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::Any] {
        assert_eq!(judged(|it| it.extended_key_usages = vec![other]), Err(Refused::NotForClients));
    }
    assert_eq!(judged(|it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)), Err(Refused::Authority));
}

#[test]
fn what_is_critical_and_unknown_is_refused() {
    let unknown = |critical| {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
        extension.set_criticality(critical);
        vec![extension]
    };
    assert!(judged(|it| it.custom_extensions = unknown(false)).is_ok());
    assert_eq!(judged(|it| it.custom_extensions = unknown(true)), Err(Refused::Unreadable));
}

#[test]
fn a_changed_certificate_is_refused() {
    let root = Authority::root("root");
    let (anchors, client) = (believing(&[&root]), root.client());
    for at in 0..client.certificate.len() {
        let mut changed = client.certificate.clone();
        changed[at] ^= 1;
        let verdict = anchors.judge(&ClientCertificate::new(changed, Vec::new()), NOW);
        assert!(verdict.is_err(), "byte {at}");
    }
    for length in 0..client.certificate.len() {
        let cut = ClientCertificate::new(client.certificate[..length].to_vec(), Vec::new());
        assert_eq!(anchors.judge(&cut, NOW), Err(Refused::Unreadable));
        assert_eq!(Leaf::unchained(&cut, NOW), Err(Refused::Unreadable));
    }
    let longer = ClientCertificate::new([&client.certificate[..], &[0]].concat(), Vec::new());
    assert_eq!(anchors.judge(&longer, NOW), Err(Refused::Unreadable));
}

#[test]
fn exactly_the_registered_name_counts() {
    let leaf = judged(|_| {}).unwrap();
    for (member, value, expected) in [
        ("tls_client_auth_san_dns", "shop.example", true),
        ("tls_client_auth_san_dns", "SHOP.example", true),
        ("tls_client_auth_san_dns", "example", false),
        ("tls_client_auth_san_dns", "evil.shop.example", false),
        ("tls_client_auth_san_dns", "shop.example.", false),
        ("tls_client_auth_san_dns", "it.corner.example", false), // a wildcard stands for nobody
        ("tls_client_auth_san_dns", "*.corner.example", true),
        ("tls_client_auth_san_dns", "https://shop.example/id", false),
        ("tls_client_auth_san_uri", "https://shop.example/id", true),
        ("tls_client_auth_san_uri", "https://shop.example/ID", false),
        ("tls_client_auth_san_uri", "https://shop.example/id/", false),
        ("tls_client_auth_san_uri", "shop.example", false),
        ("tls_client_auth_san_email", "IT@shop.example", true),
        ("tls_client_auth_san_email", "IT@SHOP.example", true),
        ("tls_client_auth_san_email", "it@shop.example", false),
        ("tls_client_auth_san_email", "shop.example", false),
        ("tls_client_auth_san_ip", "192.0.2.7", true),
        ("tls_client_auth_san_ip", "2001:db8::7", true),
        ("tls_client_auth_san_ip", "2001:0DB8:0:0::7", true),
        ("tls_client_auth_san_ip", "192.0.2.8", false),
        ("tls_client_auth_san_ip", "::ffff:192.0.2.7", false),
        ("tls_client_auth_subject_dn", "O=Corner,CN=shop", true),
        ("tls_client_auth_subject_dn", "o = corner , cn = SHOP", true),
        ("tls_client_auth_subject_dn", "2.5.4.10=#0c06436f726e6572,CN=shop", true),
        ("tls_client_auth_subject_dn", "CN=shop,O=Corner", false),
        ("tls_client_auth_subject_dn", "CN=shop", false),
        ("tls_client_auth_subject_dn", "O=Corner+CN=shop", false),
        ("tls_client_auth_subject_dn", "OU=x,O=Corner,CN=shop", false),
        ("tls_client_auth_subject_dn", r"O=Corner\,CN=shop", false),
    ] {
        assert_eq!(leaf.is_named(&name(member, value)), expected, "{member} {value}");
    }
}

#[test]
fn a_certificate_without_names_has_none() {
    let leaf = judged(|it| {
        it.subject_alt_names.clear();
        it.distinguished_name = rcgen::DistinguishedName::new();
    });
    let leaf = leaf.unwrap();
    assert!(!leaf.is_named(&name("tls_client_auth_san_dns", "shop.example")));
    assert!(!leaf.is_named(&name("tls_client_auth_subject_dn", "CN=shop")));
}

#[test]
fn a_subject_is_compared_by_what_it_says_not_by_its_encoding() {
    let spelled: [DnValue; 4] = [
        DnValue::Utf8String("Bäcker  Müller".to_owned()),
        DnValue::BmpString("BÄCKER MÜLLER".try_into().unwrap()),
        DnValue::PrintableString("Backer Muller".try_into().unwrap()),
        DnValue::TeletexString("Backer Muller".try_into().unwrap()),
    ];
    let spelled = spelled.map(|value| {
        judged(|it| {
            it.distinguished_name = rcgen::DistinguishedName::new();
            it.distinguished_name.push(DnType::CommonName, value);
        })
    });
    let names = ["CN=bäcker müller", "CN=Backer Muller"].map(|dn| name("tls_client_auth_subject_dn", dn));
    let matches = spelled.map(|leaf| names.each_ref().map(|name| leaf.as_ref().unwrap().is_named(name)));
    assert_eq!(matches, [[true, false], [true, false], [false, true], [false, true]]);
}

#[test]
fn a_self_signed_certificate_is_read_without_a_path() {
    let own = Certified::self_signed(|_| {});
    let leaf = Leaf::unchained(&own.shown(&[]), NOW).unwrap();
    assert_eq!(leaf.spki(), own.spki);
    assert_ne!(leaf.spki(), Certified::self_signed(|_| {}).spki);
    // Its owner may have it from anybody, for anything.
    let issued = Authority::root("root").client_with(|it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(Leaf::unchained(&issued.shown(&[]), NOW).unwrap().spki(), issued.spki);
}

#[test]
fn anchors_are_read_from_any_number_of_certificates() {
    let (one, two) = (Authority::root("one"), Authority::root("two"));
    let text = format!("# ours\n{}\n\n{}{}", one.pem(), one.client().key_pem(), two.pem());
    let anchors = TrustAnchors::from_pem(text.as_bytes()).unwrap();
    assert_eq!(anchors.ends().count(), 2);
    assert!(anchors.judge(&two.client().shown(&[]), NOW).is_ok());
    assert_eq!(TrustAnchors::from_pem(b"").unwrap_err(), BadAnchors::None);
    assert_eq!(TrustAnchors::from_pem(one.client().key_pem().as_bytes()).unwrap_err(), BadAnchors::None);
    let damaged = one.pem() + "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    assert_eq!(TrustAnchors::from_pem(damaged.as_bytes()).unwrap_err(), BadAnchors::Unreadable(2));
    let cut = one.pem() + &two.pem()[..100];
    assert_eq!(TrustAnchors::from_pem(cut.as_bytes()).unwrap_err(), BadAnchors::Unreadable(2));
}
