//! What makes a place in S3 wrong.
use super::*;
use proptest::prelude::*;

fn s3() -> S3Generator {
    S3Generator { bucket: "configs".into(), object: Some("prod/app.tar.gz".into()), ..S3Generator::default() }
}

fn said(s3: &S3Generator) -> Vec<String> {
    let mut found = Violations::default();
    s3.judge(&mut found);
    found.into_vec().iter().map(ToString::to_string).collect()
}

/// The fields that are wrong, without what they all begin with.
fn wrong(s3: &S3Generator) -> Vec<String> {
    let field = |said: String| said.split(": ").next().unwrap_or_default().replace("spec.generator.s3.", "");
    said(s3).into_iter().map(field).collect()
}

#[test]
fn a_plain_object_and_a_plain_folder_are_good() {
    assert_eq!(said(&s3()), [""; 0]);
    for prefix in ["", "prod", "prod/", "prod/eu"] {
        let folder = S3Generator { object: None, prefix: Some(prefix.into()), ..s3() };
        assert_eq!(said(&folder), [""; 0], "{prefix:?}");
    }
}

#[test]
fn a_bucket_is_named_as_s3_names_them() {
    for bad in ["", "ab", "Upper", "a_b_c", "a..b", "-abc", "abc-", "abc/d", "a@b.c", &"a".repeat(64)] {
        assert_eq!(wrong(&S3Generator { bucket: bad.into(), ..s3() }), ["bucket"], "{bad:?}");
    }
}

#[test]
fn exactly_one_of_object_and_prefix_is_set() {
    assert_eq!(wrong(&S3Generator { object: None, ..s3() }), ["object"]);
    assert_eq!(wrong(&S3Generator { prefix: Some("a".into()), ..s3() }), ["prefix"]);
    let unpacked = S3Generator { object: None, prefix: Some("a".into()), unpack: Some(Unpack::Auto), ..s3() };
    assert_eq!(wrong(&unpacked), ["unpack"]);
}

#[test]
fn a_key_is_a_path() {
    for bad in ["", "/a", "a//b", "a/", "../a", "a/./b", "a\nb", &"a".repeat(1025)] {
        assert_eq!(wrong(&S3Generator { object: Some(bad.into()), ..s3() }), ["object"], "{bad:?}");
    }
}

#[test]
fn an_endpoint_is_a_host_without_credentials() {
    for bad in ["minio", "s3://minio", "https://minio/bucket", "https://minio/?x", "https://"] {
        assert_eq!(wrong(&S3Generator { endpoint: Some(bad.into()), ..s3() }), ["endpoint"], "{bad:?}");
    }
    let said = said(&S3Generator { endpoint: Some("https://key:hunter2@minio/".into()), ..s3() });
    assert!(said.len() == 1 && !said[0].contains("hunter2"), "{said:?}");
}

#[test]
fn references_and_region_are_judged_too() {
    let bad = S3Generator {
        region: Some("EU West".into()),
        credentials_secret_ref: Some(SecretReference { name: "a/b".into() }),
        ca_bundle_secret_ref: Some(SecretKeyReference { name: "ca".into(), key: "a b".into() }),
        ..s3()
    };
    assert_eq!(wrong(&bad), ["region", "credentialsSecretRef.name", "caBundleSecretRef.key"]);
    assert_eq!(bad.secrets(), ["a/b", "ca"]);
}

#[test]
fn requests_go_to_aws_unless_an_endpoint_is_named() {
    let aws = S3Generator { region: Some("eu-west-1".into()), ..s3() };
    assert_eq!((aws.host(), aws.is_path_style()), ("s3.eu-west-1.amazonaws.com".into(), false));
    let own = S3Generator { endpoint: Some("http://minio:9000/".into()), ..s3() };
    assert_eq!((own.host(), own.is_path_style()), ("minio:9000".into(), true));
    assert_eq!(own.warnings().len(), 1);
    assert!(own.warnings()[0].len() <= 120 && aws.warnings().is_empty());
}

proptest! {
    #[test]
    fn any_place_in_s3_gets_a_verdict_that_fits_a_line(
        bucket in ".{0,70}|[a-z.-]{0,70}",
        object in proptest::option::of(".{0,40}|[a-z/.]{0,40}"),
        prefix in proptest::option::of(".{0,40}|[a-z/.]{0,40}"),
        endpoint in proptest::option::of(r".{0,40}|https?://k:hunter2@[a-z:/?#0-9]{0,20}"),
        region in proptest::option::of(".{0,40}"),
    ) {
        let s3 = S3Generator { bucket, object, prefix, endpoint, region, ..S3Generator::default() };
        for said in said(&s3) {
            prop_assert!(said.starts_with("spec.generator.s3."), "{said}");
            prop_assert!(!said.chars().any(char::is_control) && !said.contains("hunter2"), "{said}");
        }
    }
}
