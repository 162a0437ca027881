//! What the rules say of releases.
use super::*;

fn release() -> ReleaseGenerator {
    ReleaseGenerator {
        repository: "acme/shop".into(),
        asset: Some("shop.tar.gz".into()),
        ..Default::default()
    }
}

fn told(change: impl FnOnce(&mut ReleaseGenerator)) -> Vec<String> {
    let mut release = release();
    change(&mut release);
    let mut found = Violations::default();
    release.judge(&mut found);
    found.into_vec().iter().map(ToString::to_string).collect()
}

fn wrong(change: impl FnOnce(&mut ReleaseGenerator)) -> Vec<String> {
    told(change).iter().map(|told| told.split(": ").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn what_is_good_is_good() {
    assert_eq!(told(|_| {}), [""; 0]);
    assert_eq!(told(|r| r.semver = Some(">=1.2, <2".into())), [""; 0]);
    assert_eq!(told(|r| r.tag = Some("kustomize/v5.0.0".into())), [""; 0]);
    assert_eq!(told(|r| r.semver_filter = Some("-lts$".into())), [""; 0]);
    assert_eq!(told(|r| (r.asset, r.assets) = (None, vec!["*.yaml".into(), "{a,b}.txt".into()])), [""; 0]);
    assert_eq!(told(|r| (r.provider, r.repository) = (ReleaseProvider::Gitlab, "a/b/c_d.e".into())), [""; 0]);
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    for repository in ["shop", "a/b/c", "/shop", "a//b", "../b", "a/..", "a/b?c", "a b/c", "a/%2e", ""] {
        assert_eq!(
            wrong(|r| r.repository = repository.into()),
            ["spec.generator.release.repository"],
            "{repository}"
        );
    }
    for url in ["ftp://a", "https://u:p@a/", "https://a/?q", "https://a/#f", "a"] {
        assert_eq!(wrong(|r| r.url = Some(url.into())), ["spec.generator.release.url"], "{url}");
    }
    assert_eq!(
        told(|r| r.semver = Some("one".into())),
        [
            r#"spec.generator.release.semver: Invalid value: "one": must name versions such as 1.2.3, 1.2 or 1.x, which "one" is not"#
        ]
    );
    for tag in ["", ".", "..", "a\nb", &"a".repeat(256)] {
        assert_eq!(wrong(|r| r.tag = Some(tag.into())), ["spec.generator.release.tag"], "{tag}");
    }
    let everything = |r: &mut ReleaseGenerator| {
        (r.tag, r.semver, r.semver_filter) = (Some("v1".into()), Some("1".into()), Some("a".into()));
        (r.tag_prefix, r.prereleases) = (Some("v".into()), Some(false));
    };
    let fields = ["semver", "semverFilter", "tagPrefix", "prereleases"];
    assert_eq!(wrong(everything), fields.map(|field| format!("spec.generator.release.{field}")));
    for filter in ["(", &"a".repeat(1025), "(a{1000}){1000}"] {
        assert_eq!(wrong(|r| r.semver_filter = Some(filter.into())), ["spec.generator.release.semverFilter"]);
    }
    for pattern in ["", "a/b", "[a", "a\nb", &"a".repeat(256)] {
        assert_eq!(wrong(|r| r.asset = Some(pattern.into())), ["spec.generator.release.asset"], "{pattern}");
    }
    assert_eq!(
        told(|r| r.asset = None),
        ["spec.generator.release.asset: Required value: name an asset here, or several in assets"]
    );
    let both = |r: &mut ReleaseGenerator| (r.assets, r.unpack) = (vec!["a".into()], Some(Unpack::Auto));
    assert_eq!(wrong(both), ["spec.generator.release.assets", "spec.generator.release.unpack"]);
    assert_eq!(
        wrong(|r| (r.asset, r.assets) = (None, vec!["a".into(); 17])),
        ["spec.generator.release.assets"]
    );
    for bad in ["", "a\n"] {
        assert_eq!(wrong(|r| r.checksums = Some(bad.into())), ["spec.generator.release.checksums"]);
        assert_eq!(wrong(|r| r.tag_prefix = Some(bad.into())), ["spec.generator.release.tagPrefix"]);
    }
    let reference = |name: &str| Some(SecretReference { name: name.into() });
    assert_eq!(wrong(|r| r.secret_ref = reference("A")), ["spec.generator.release.secretRef.name"]);
}

#[test]
fn each_provider_has_an_address_of_its_own() {
    let at =
        |provider, url: Option<&str>| ReleaseGenerator { provider, url: url.map(Into::into), ..release() };
    assert_eq!(at(ReleaseProvider::Github, None).host(), "api.github.com");
    assert_eq!(at(ReleaseProvider::Gitlab, None).api(), "https://gitlab.com/api/v4");
    let own = at(ReleaseProvider::Gitea, Some("http://git.example:3000/api/v1/"));
    assert_eq!((own.host().as_str(), own.api()), ("git.example:3000", "http://git.example:3000/api/v1"));
    assert_eq!(own.warnings().len(), 1);
}

#[test]
fn several_assets_are_files_of_an_archive() {
    let many = ReleaseGenerator { asset: None, assets: vec!["a".into()], ..release() };
    assert_eq!((many.unpacks(), release().unpacks()), (Some("spec.generator.release.assets"), None));
}
