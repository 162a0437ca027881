//! Where the library answers otherwise than k8s.io/apiserver, and why. A difference that is not listed fails the test, and
//! so does an entry that no longer describes any.
use super::compare::Difference;
use serde_json::Value;
use std::collections::BTreeMap;

/// Differences with one reason.
struct Known {
    why: &'static str,
    /// Of which requests (`scenario/title`), and where in the answer; `*` stands for any text, but never for a status:
    /// that is named with both values, as `status 201, ours 422`.
    places: &'static [(&'static str, &'static str)],
}

const KNOWN: &[Known] = &[
    Known {
        why: "who owns which field is not tracked, since server-side apply is not offered",
        places: &[("*", "*managedFields")],
    },
    Known {
        why: "no browser shall guess what an answer is",
        places: &[("*", "headers.x-content-type-options")],
    },
    Known {
        why: "an object with a spec counts generations, as objects of CRDs do",
        places: &[("*", "*metadata.generation")],
    },
    Known {
        why: "an item of a list says what it is, as objects of CRDs do: it is encoded once, for every answer",
        places: &[("*", "body.items.*.kind"), ("*", "body.items.*.apiVersion")],
    },
    Known {
        why: "an empty list is [], never null",
        places: &[("list/list nothing*", "body.rows"), ("list/list nothing*", "body.items")],
    },
    Known {
        why: "the legacy form, too, is another one for another Accept",
        places: &[("discovery/*", "headers.vary")],
    },
    Known {
        why: "clients reach the server through kube-apiserver, which says where that is",
        places: &[("discovery/*", "*serverAddressByClientCIDRs")],
    },
    Known {
        why: "the list of groups says its version, as kube-apiserver's does",
        places: &[("discovery/*", "body.apiVersion")],
    },
    Known {
        why: "the sample leaves out group and version of what it answers with",
        places: &[("discovery/*", "*responseKind.group"), ("discovery/*", "*responseKind.version")],
    },
    Known { why: "nothing is stored, so there is no hash of how", places: &[("*", "*storageVersionHash")] },
    Known {
        why: "each says its own version",
        places: &[("access/everybody sees the version", "body.*"), ("documents/the version*", "body.*")],
    },
    Known {
        why: "what is not served is told as a Status, never as a page of text or of paths",
        places: &[
            ("discovery/a group that does not exist", "body.*"),
            ("discovery/another group's version", "body.*"),
            ("discovery/the core group*", "body.*"),
            ("documents/a *that does not exist", "*"),
            ("list/list in a group that does not exist", "body.*"),
        ],
    },
    Known {
        why: "names are DNS subdomains, for every kind",
        places: &[
            ("create/create with an impossible name", "*"),
            ("create/create with an impossible name", "status 201, ours 422"),
            ("create/create with a name that is too long", "*"),
            ("create/create with a name that is too long", "status 201, ours 422"),
        ],
    },
    Known {
        why: "which of several owners is wrong is said, and that a value is missing",
        places: &[("create/create with an owner that is not whole", "body.*")],
    },
    Known {
        why: "JSON in messages is sorted and escaped as JSON is",
        places: &[
            ("create/create with two controllers", "body.*"),
            ("create/create with a manager that cannot be printed", "body.*"),
            ("fischers/a list that is a text", "body.*"),
            ("patch/merge another kind", "body.*"),
            ("patch/merge an unknown field strictly", "body.*"),
            ("patch/merge a reference that is a number", "body.*"),
        ],
    },
    Known {
        why: "protobuf is not spoken: 415 for a body",
        places: &[
            ("create/create with protobuf", "*"),
            ("create/create with protobuf", "status 400, ours 415"),
            ("create/create with another content type", "body.message"),
            ("create/create with a form", "body.message"),
            ("create/create with a broken content type", "body.message"),
            ("delete/delete with options in something else", "body.message"),
            ("update/update with another content type", "body.message"),
        ],
    },
    Known {
        why: "protobuf is not spoken: 406 if nothing else is accepted, and JSON if it is",
        places: &[
            ("discovery/the aggregated form*", "body.message"),
            ("discovery/the aggregated form in protobuf with a fallback", "*"),
            ("discovery/the version as a table", "body.message"),
            ("get/get it as a kind that does not exist", "body.message"),
            ("get/get it as protobuf*", "*"),
            ("get/get it as protobuf or JSON", "status 406, ours 200"),
            ("watch/watch as YAML", "body.message"),
        ],
    },
    Known {
        why: "one sentence for every 406, with what is accepted, and the warning of the version",
        places: &[
            ("*as something else", "body.details"),
            ("*as something else", "body.message"),
            ("*as something else", "headers.warning"),
            ("get/get it as CBOR", "*"),
        ],
    },
    Known {
        why: "a wildcard is one, as RFC 9110 says",
        places: &[
            ("get/get it as any application", "*"),
            ("get/get it as any application", "status 406, ours 200"),
        ],
    },
    Known {
        why: "what does not fit is said in the words of serde, with the field",
        places: &[
            ("create/create with broken JSON", "body.message"),
            ("create/create with a list", "body.message"),
            ("create/create with a text", "body.message"),
            ("create/create with a spec that is a text", "body.message"),
            ("create/create with a reference that is a number", "body.message"),
            ("delete/delete with broken options", "body.message"),
            ("patch/merge a text", "body.message"),
            ("patch/merge a list", "body.message"),
            ("patch/merge broken JSON", "body.message"),
            ("patch/merge nothing at all", "body.message"),
            ("patch/patch with an object", "body.message"),
            ("patch/patch with broken JSON", "body.message"),
            ("patch/patch with an operation that does not exist", "*"),
            ("patch/patch with an operation that does not exist", "status 422, ours 400"),
        ],
    },
    Known {
        why: "Go names a file of its own source, or a type of it",
        places: &[
            ("create/create with another group's body", "body.message"),
            ("create/create with another kind's body", "body.message"),
            ("create/create with a kind that does not exist", "body.message"),
            ("delete/delete with another kind's options", "body.message"),
            ("get/get it as a list of metadata", "body.message"),
            ("list/list as one metadata", "body.message"),
        ],
    },
    Known { why: "Go names its storage", places: &[("update/update with another uid", "body.message")] },
    Known {
        why: "a version that is no number is the client's mistake, 400, everywhere",
        places: &[
            ("*at a version that is no number", "*"),
            ("*at a version that is no number", "status 500, ours 400"),
            ("watch/watch from a version that is no number", "*"),
            ("watch/watch from a version that is no number", "status 500, ours 400"),
        ],
    },
    Known {
        why: "HEAD is answered as RFC 9110 wants it",
        places: &[("*with HEAD", "*"), ("*with HEAD", "status 405, ours 200")],
    },
    Known {
        why: "why a continue token is broken is nobody's business",
        places: &[("list/a page with a *token*", "body.message")],
    },
    Known { why: "one label is told once", places: &[("*impossible label*", "body.details.causes")] },
    Known {
        why: "strategic merge and apply are not offered: 415, with what is",
        places: &[
            ("patch/patch strategically", "*"),
            ("patch/patch strategically", "status 200, ours 415"),
            ("patch/apply*", "*"),
            ("patch/apply", "status 409, ours 415"),
            ("patch/apply without a manager", "status 422, ours 415"),
            ("patch/patch with another type", "*"),
            ("patch/patch without a type", "*"),
        ],
    },
    Known {
        why: "the bookmark at the end of the initial events has no fields of its own",
        places: &[
            ("watch/watch with initial events*", "body.1.object.*"),
            ("matrix/watch*, with initial events", "body.3.object.spec"),
            ("matrix/watch*, with initial events", "body.3.object.status"),
        ],
    },
    Known {
        why: "a page of any version is as long as it was asked for, with a token, too",
        places: &[
            ("matrix/list at any version, the next page", "body.items"),
            ("matrix/list at any version, the next page", "body.metadata.continue"),
            ("matrix/list at any version, the next page", "body.metadata.remainingItemCount"),
        ],
    },
    Known {
        why: "everybody may be told to log in, and no patch creates",
        places: &[("documents/*OpenAPI*", "*.codes*")],
    },
    Known {
        why: "the paths that only repeat others, and those of discovery, are left out",
        places: &[
            ("documents/*OpenAPI*", "body.operations.GET *"),
            ("documents/the index of OpenAPI v3", "body.paths.*"),
            ("documents/the root", "body.paths"),
        ],
    },
    Known {
        why: "parameters that nobody reads are not offered, and protobuf, apply and strategic merge neither",
        places: &[
            ("documents/*OpenAPI*", "*.parameters*"),
            ("documents/*OpenAPI*", "*.accepts"),
            ("documents/*OpenAPI*", "*.consumes"),
        ],
    },
    Known {
        why: "items, spec and status are described where Go's types have no comment",
        places: &[
            ("documents/*OpenAPI*", "body.schemas.*List.items"),
            ("documents/*OpenAPI*", "body.schemas.*List.items[]"),
            ("documents/*OpenAPI*", "body.schemas.v1alpha1 Flunder.spec"),
            ("documents/*OpenAPI*", "body.schemas.v1alpha1 Flunder.status"),
        ],
    },
    Known {
        why: "a document is known by its hash, not by its time, and differs by encoding",
        places: &[
            ("documents/*", "headers.last-modified"),
            ("documents/*", "headers.vary"),
            ("documents/*", "headers.etag"),
        ],
    },
    Known {
        why: "what does not exist, cannot be written or is not spoken is told as a Status",
        places: &[
            ("documents/*OpenAPI* as something else", "*"),
            ("documents/OpenAPI of a version that does not exist", "*"),
            ("documents/OpenAPI of a version that does not exist", "status 200, ours 404"),
            ("documents/writing to OpenAPI", "*"),
            ("documents/writing to OpenAPI", "status 200, ours 405"),
            ("documents/a page below one that exists", "body.message"),
        ],
    },
];

/// What must be looked at: differences that are not listed, and entries that describe none.
pub(super) fn judge(found: &[Difference]) -> Vec<String> {
    let covers = |(request, at): &(&str, &str), difference: &Difference| {
        let is_there = match difference.at.as_str() {
            "status" => {
                *at == format!("status {}, ours {}", show(&difference.theirs), show(&difference.ours))
            }
            other => matches(at, other),
        };
        is_there && matches(request, &difference.request)
    };
    let places = || KNOWN.iter().flat_map(|known| known.places.iter().map(|place| (known.why, place)));
    let unlisted = found.iter().filter(|difference| !places().any(|(_, place)| covers(place, difference)));
    let stale = places().filter(|(_, place)| !found.iter().any(|difference| covers(place, difference)));
    let unlisted = unlisted.map(|Difference { request, at, theirs, ours }| {
        format!("{request}: {at}\n    Go:   {}\n    ours: {}", show(theirs), show(ours))
    });
    let stale =
        stale.map(|(why, (request, at))| format!("no difference any more at {request}: {at} ({why})"));
    unlisted.chain(stale).collect()
}

/// What we answer where Go answers otherwise, by request and place; kept in a golden file, so that it does not change unseen
/// behind what is excused.
pub(super) fn ours(found: &[Difference]) -> BTreeMap<&str, BTreeMap<&str, Option<&Value>>> {
    let mut ours: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for Difference { request, at, ours: value, .. } in found {
        ours.entry(request.as_str()).or_default().insert(at.as_str(), value.as_ref());
    }
    ours
}

fn show(value: &Option<Value>) -> String {
    value.as_ref().map_or("nothing".to_owned(), ToString::to_string)
}

/// Whether a text is what a pattern says; `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => {
            let Some(text) = text.strip_prefix(start) else { return false };
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| matches(rest, &text[at..]))
        }
    }
}

#[test]
fn patterns_match_whole_texts() {
    assert!(
        matches("a/*", "a/b c") && matches("*.b", "a.b") && matches("a*c*e", "abcde") && matches("*", "")
    );
    assert!(!matches("a/*", "b/a/") && !matches("*.b", "a.b.c") && !matches("a", "ab"));
}

#[test]
fn no_pattern_covers_a_status() {
    let at = |at: &str, theirs: u16, ours: u16| Difference {
        request: "get/get it with HEAD".to_owned(),
        at: at.to_owned(),
        theirs: Some(theirs.into()),
        ours: Some(ours.into()),
    };
    let unlisted =
        |difference| judge(&[difference]).iter().any(|told| told.starts_with("get/get it with HEAD: "));
    assert!(!unlisted(at("status", 405, 200)) && !unlisted(at("body.code", 405, 200)));
    assert!(unlisted(at("status", 405, 404)));
}
