//! Which release is the one, and which assets.
use super::*;
use proptest::prelude::*;

fn asset(name: &str) -> Asset {
    let address = Url::parse("https://a.example/1").unwrap();
    Asset { name: name.into(), address, digest: None, mark: "1".into() }
}

fn release(tag: &str, assets: &[&str]) -> Release {
    let assets = assets.iter().map(|name| asset(name)).collect();
    Release { tag: tag.into(), is_draft: false, is_prerelease: false, assets }
}

fn wanted(change: impl FnOnce(&mut ReleaseGenerator)) -> Wanted {
    let mut settings = ReleaseGenerator { asset: Some("*".into()), ..Default::default() };
    change(&mut settings);
    Wanted::new(&settings)
}

fn newest(wanted: &Wanted, tags: &[&str]) -> Option<String> {
    let best = tags.iter().fold(None, |best, tag| wanted.better(best, release(tag, &[])));
    best.map(|release| release.tag)
}

fn of(semver: &str, tags: &[&str]) -> Option<String> {
    newest(&wanted(|settings| settings.semver = Some(semver.into())), tags)
}

#[test]
fn the_highest_good_version_is_taken_whatever_its_place() {
    let tags = ["v1.9.0", "v1.10.0", "2.0.0", "v2.1.0-rc.1", "nightly", "v1", "v1.10.0.1"];
    assert_eq!(newest(&wanted(|_| {}), &tags).as_deref(), Some("2.0.0"));
    for (semver, tag) in [
        ("^1.9", Some("v1.10.0")),
        ("1.9", Some("v1.9.0")),
        ("~1.9", Some("v1.9.0")),
        (">=1, <1.10", Some("v1.9.0")),
        ("=1.9.0", Some("v1.9.0")),
        ("3.x", None),
    ] {
        assert_eq!(of(semver, &tags).as_deref(), tag, "{semver}");
    }
}

#[test]
fn what_comes_before_a_release_counts_where_that_is_asked_for() {
    let asks = |semver: Option<&str>| {
        wanted(|settings| (settings.prereleases, settings.semver) = (Some(true), semver.map(str::to_owned)))
    };
    let tags = ["v2.0.0", "v2.1.0-rc.1", "v2.1.0-rc.2", "v3.0.0-alpha"];
    assert_eq!(newest(&asks(None), &tags).as_deref(), Some("v3.0.0-alpha"));
    assert_eq!(newest(&asks(Some("2.x")), &tags).as_deref(), Some("v2.1.0-rc.2"));
    let marked = Release { is_prerelease: true, ..release("v9.0.0", &[]) };
    assert_eq!(wanted(|_| {}).better(None, marked.clone()), None);
    assert_eq!(asks(None).better(None, marked.clone()), Some(marked.clone()));
    assert_eq!(asks(None).better(None, Release { is_draft: true, ..marked }), None);
}

#[test]
fn a_tag_names_one_release_whatever_its_version() {
    let wanted = wanted(|settings| settings.tag = Some("nightly".into()));
    assert_eq!(newest(&wanted, &["v9.0.0", "nightly", "nightly-2"]).as_deref(), Some("nightly"));
    assert_eq!(newest(&wanted, &["v9.0.0"]), None);
    let marked = Release { is_prerelease: true, ..release("nightly", &[]) };
    assert!(wanted.better(None, marked.clone()).is_some(), "who names it means it");
    assert_eq!(wanted.better(None, Release { is_draft: true, ..marked }), None);
}

#[test]
fn only_tags_that_the_filter_lets_through_count() {
    let filtered = |filter: &str| {
        wanted(|settings| {
            settings.semver_filter = Some(filter.into());
            settings.prereleases = Some(true);
        })
    };
    let tags = ["v1.0.0", "v1.1.0-lts", "v1.2.0-rc.1", "v2.0.0"];
    assert_eq!(newest(&filtered("-lts$"), &tags).as_deref(), Some("v1.1.0-lts"));
    assert_eq!(newest(&filtered(r"^v\d+\.\d+\.\d+$"), &tags).as_deref(), Some("v2.0.0"));
    assert_eq!(newest(&filtered("^w"), &tags), None);
}

#[test]
fn a_repository_of_several_tools_tags_each_with_its_name() {
    let wanted = wanted(|settings| settings.tag_prefix = Some("kustomize/".into()));
    let tags = ["kyaml/v9.0.0", "kustomize/v5.4.1", "kustomize/v5.10.0", "v6.0.0"];
    assert_eq!(newest(&wanted, &tags).as_deref(), Some("kustomize/v5.10.0"));
}

#[test]
fn assets_are_picked_by_their_names() {
    let has = release("v1.0.0", &["a.tar.gz", "b.tar.gz", "b.zip", "SHA256SUMS"]);
    let picked = |change: &dyn Fn(&mut ReleaseGenerator)| {
        let picked = wanted(change).pick(&has)?;
        Ok::<_, String>(picked.assets.into_iter().map(|asset| asset.name).collect::<Vec<_>>())
    };
    assert_eq!(picked(&|s| s.asset = Some("b.zip".into())).unwrap(), ["b.zip"]);
    let many = |patterns: &'static [&'static str]| {
        picked(&|s| (s.asset, s.assets) = (None, patterns.iter().map(ToString::to_string).collect()))
    };
    assert_eq!(many(&["b.*", "*.tar.gz"]).unwrap(), ["a.tar.gz", "b.tar.gz", "b.zip"]);
    assert_eq!(many(&["b.*", "c"]), Err("has no asset c in the release that is wanted".into()));
    let several = "has several assets that match *.gz in the release that is wanted";
    assert_eq!(picked(&|s| s.asset = Some("*.gz".into())), Err(several.into()));
    let with_list = |s: &mut ReleaseGenerator| {
        (s.asset, s.assets, s.checksums) = (None, vec!["*".into()], Some("SHA256SUMS".into()));
    };
    assert_eq!(picked(&with_list).unwrap(), ["a.tar.gz", "b.tar.gz", "b.zip"]);
    let missing = picked(&|s| (s.asset, s.checksums) = (Some("b.zip".into()), Some("sums".into())));
    assert_eq!(
        missing,
        Err("has no asset sums, which lists checksums, in the release that is wanted".into())
    );
}

#[test]
fn another_tag_or_asset_is_another_fingerprint() {
    let of = |tag: &str, mark: &str, name: &str| {
        let picked = Picked { assets: vec![Asset { mark: mark.into(), ..asset(name) }], checksums: None };
        fingerprint(&release(tag, &[]), &picked)
    };
    let base = of("v1.0.0", "1", "a");
    assert_eq!(of("v1.0.0", "1", "a"), base);
    for other in [of("v1.0.1", "1", "a"), of("v1.0.0", "2", "a"), of("v1.0.0", "1", "b")] {
        assert_ne!(other, base);
    }
}

proptest! {
    #[test]
    fn any_order_of_releases_has_the_same_newest(
        mut tags in proptest::collection::vec("v?[0-3]\\.[0-3]\\.[0-3](-rc\\.[0-9])?(\\+[a-b])?", 0..9),
        prereleases: bool,
    ) {
        let wanted = wanted(|settings| settings.prereleases = Some(prereleases));
        let of = |tags: &[String]| newest(&wanted, &tags.iter().map(String::as_str).collect::<Vec<_>>());
        let first = of(&tags);
        tags.reverse();
        prop_assert_eq!(&of(&tags), &first);
        tags.sort();
        prop_assert_eq!(of(&tags), first);
    }
}
