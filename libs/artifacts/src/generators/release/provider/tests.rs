//! Releases in the words of each API's documentation.
use super::*;
use ReleaseProvider::{Gitea, Github, Gitlab};

const GITHUB: &str = r#"[{
    "url": "https://api.github.com/repos/octocat/Hello-World/releases/1", "tag_name": "v1.0.0", "name": "v1.0.0", "body": "Description",
    "draft": false, "prerelease": true, "author": {"login": "octocat"},
    "assets": [
        {"url": "https://evil.example/1", "browser_download_url": "https://evil.example/1", "id": 1, "name": "example.zip", "state": "uploaded",
         "content_type": "application/zip", "size": 1024, "digest": "sha256:2151b604e3429bff440b9fbc03eb3617bc2603cda96c95b9bb05277f9ddba255",
         "updated_at": "2013-02-27T19:35:32Z", "uploader": null},
        {"id": 2, "name": "half", "state": "starter", "size": 0, "digest": null},
        {"id": 3, "name": "plain", "digest": null}
    ]}]"#;

const GITLAB: &str = r#"[{
    "tag_name": "v0.2", "name": "Awesome app v0.2 beta", "upcoming_release": true,
    "assets": {"count": 2, "sources": [{"format": "zip", "url": "https://gitlab.example.com/archive/v0.2/hello-world-v0.2.zip"}],
        "links": [
            {"id": 3, "name": "hello-v0.2.0", "url": "https://gitlab.example.com/root/hello/-/jobs/688/artifacts/raw/bin/hello", "link_type": "other"},
            {"id": 4, "name": "elsewhere", "url": "ftp://files.example/x", "link_type": "other"},
            {"id": 5, "name": "open", "url": "http://files.example/x", "link_type": "other"},
            {"id": 6, "name": "known", "url": "https://me:pass@files.example/x", "link_type": "other"}
        ]}}]"#;

const GITEA: &str = r#"[{
    "id": 1, "tag_name": "1.2.3", "draft": true, "prerelease": false,
    "assets": [{"id": 9, "name": "tool", "size": 7, "uuid": "5b7e", "created_at": "2024-01-01T00:00:00Z",
        "browser_download_url": "https://gitea.example/a/b/releases/download/1.2.3/tool"}]}]"#;

fn read_one(provider: ReleaseProvider, api: &str, json: &str) -> Release {
    let api = Url::parse(api).unwrap();
    read(provider, &api, "octocat/Hello-World", json.as_bytes()).expect("a list").remove(0)
}

#[test]
fn an_asset_of_github_is_asked_for_by_its_number_wherever_it_says_it_is() {
    let release = read_one(Github, "https://api.github.com", GITHUB);
    assert_eq!((release.tag.as_str(), release.is_draft, release.is_prerelease), ("v1.0.0", false, true));
    let shown: Vec<(&str, &str)> =
        release.assets.iter().map(|asset| (asset.name.as_str(), asset.address.as_str())).collect();
    let at = "https://api.github.com/repos/octocat/Hello-World/releases/assets";
    assert_eq!(shown, [("example.zip", &*format!("{at}/1")), ("plain", &*format!("{at}/3"))]);
    let digest = release.assets[0].digest.expect("told");
    assert!(digest.to_string().ends_with("2151b604e3429bff440b9fbc03eb3617bc2603cda96c95b9bb05277f9ddba255"));
    assert_eq!(release.assets[1].digest, None);
}

#[test]
fn links_of_gitlab_and_files_of_gitea_are_assets() {
    let release = read_one(Gitlab, "https://gitlab.example.com/api/v4", GITLAB);
    assert!(release.is_draft, "its date is yet to come");
    let names: Vec<&str> = release.assets.iter().map(|asset| asset.name.as_str()).collect();
    assert_eq!(names, ["hello-v0.2.0"], "only what is as safe as the API");
    let release = read_one(Gitea, "https://gitea.example/api/v1", GITEA);
    assert_eq!((release.is_draft, release.assets.len()), (true, 1));
}

#[test]
fn a_tag_is_asked_for_as_one_step_of_the_address() {
    let api = Url::parse("https://a.example/api").unwrap();
    for (provider, at) in [
        (Github, "repos/acme/shop/releases/tags"),
        (Gitea, "repos/acme/shop/releases/tags"),
        (Gitlab, "projects/acme%2Fshop/releases"),
    ] {
        for (tag, step) in
            [("v1.2.3", "v1.2.3"), ("kustomize/v5", "kustomize%2Fv5"), ("a?b#c%2F", "a%3Fb%23c%252F")]
        {
            let url = tagged(provider, &api, "acme/shop", tag);
            assert_eq!(url.as_str(), format!("https://a.example/api/{at}/{step}"));
        }
    }
}

#[test]
fn each_api_has_pages_of_its_own() {
    let at = |provider, api: &str, repository: &str| {
        page(provider, &Url::parse(api).unwrap(), repository, 2).to_string()
    };
    assert_eq!(
        at(Github, "https://ghe.example/api/v3/", "a/b"),
        "https://ghe.example/api/v3/repos/a/b/releases?per_page=50&page=2"
    );
    assert_eq!(
        at(Gitlab, "https://gitlab.com/api/v4", "a/b/c"),
        "https://gitlab.com/api/v4/projects/a%2Fb%2Fc/releases?per_page=50&page=2"
    );
    assert_eq!(
        at(Gitea, "https://gitea.com/api/v1", "a/b"),
        "https://gitea.com/api/v1/repos/a/b/releases?limit=50&page=2"
    );
    let linked = |text: &str| HeaderMap::from_iter([(header::LINK, HeaderValue::from_str(text).unwrap())]);
    let next = linked("<https://evil.example/2>; rel=\"next\", <https://a/9>; rel=\"last\"");
    assert!(goes_on(&next, 1) && !goes_on(&linked("<https://a/1>; rel=\"first\""), PAGE));
    assert!(goes_on(&HeaderMap::new(), PAGE) && !goes_on(&HeaderMap::new(), PAGE - 1));
}

#[test]
fn what_is_no_list_of_releases_is_none() {
    let api = Url::parse("https://a.example").unwrap();
    for provider in [Github, Gitlab, Gitea] {
        for json in ["", "{}", "[{}]", "[{\"tag_name\": 1}]", "[[]]", "null"] {
            assert!(read(provider, &api, "a/b", json.as_bytes()).is_err(), "{json}");
        }
        assert_eq!(read(provider, &api, "a/b", b"[]").expect("none"), []);
    }
}
