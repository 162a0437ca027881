//! Paths that were made to leave the folder that they are unpacked into, by what readers of archives and of requests fell for.
use std::collections::BTreeSet;

/// Steps that some program takes for one that leads up, or for none.
const STEPS: [&str; 42] = [
    "..",
    ".",
    "...",
    "....",
    ". .",
    " ..",
    ".. ",
    "..\t",
    "..;",
    "..:",
    "..%00",
    "..\0",
    "..\n",
    "..\r",
    "..\u{7f}",
    "..\u{85}",
    "\u{1b}[2J..",
    "a..",
    "..a",
    "%2e%2e",
    "%2E.",
    "%252e%252e",
    "%25252e%25252e",
    "%c0%ae%c0%ae",
    "%e0%80%ae%e0%80%ae",
    "%uff0e%uff0e",
    "&#46;&#46;",
    "\\056\\056",
    "‥",
    "…",
    "․․",
    "．．",
    "﹒﹒",
    "。。",
    ".\u{200b}.",
    ".\u{200d}.",
    ".\u{ad}.",
    ".\u{fe0f}.",
    "\u{feff}..",
    "\u{202e}..",
    "\u{2066}..\u{2069}",
    ".\u{301}.",
];

/// Bytes that are no text, among them dots and slashes in more bytes than they need.
const NO_TEXT: [&[u8]; 14] = [
    b"..\xc0\xafx",
    b"\xc0\xae\xc0\xae/x",
    b"\xc0\xae./x",
    b"..\xe0\x80\xafx",
    b"\xe0\x80\xae\xe0\x80\xae/x",
    b"..\xf0\x80\x80\xafx",
    b"..\xf8\x80\x80\x80\xafx",
    b"..\xc1\x9cx",
    b"\xff../x",
    b"../\xff",
    b"\xfe\xff\0.\0.\0/\0x",
    b"a\x80/../../x",
    b"\xed\xa0\x80/../x",
    b"..\xbc\xafx",
];

/// What stands between steps, elsewhere or in the eyes of somebody.
const SEPARATORS: [&str; 16] = [
    "\\", "\\\\", "/\\", "%2f", "%2F", "%5c", "%252f", "%c0%af", "%c1%9c", "%u2215", "∕", "⁄", "／", "⧵",
    "﹨", "＼",
];

/// Whole paths.
const PATHS: [&str; 73] = [
    "",
    "/",
    "//",
    "///x",
    "/.",
    "/..",
    "/./x",
    "/../x",
    "/x",
    "//x",
    "/etc/passwd",
    "//etc/passwd",
    "/./etc/passwd",
    "./etc/passwd",
    ".//etc/passwd",
    ".///etc/passwd",
    "././etc/passwd",
    "etc//passwd",
    "etc/./passwd",
    "etc/passwd/",
    "etc/passwd/.",
    "etc/x/../passwd",
    "/proc/self/root/etc/passwd",
    "/proc/self/cwd/x",
    "/proc/self/environ",
    "/dev/null",
    "/dev/stdin",
    "/dev/fd/0",
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "../../var/run/secrets/kubernetes.io/serviceaccount/token",
    "a//b",
    "a/",
    "a//",
    "a/.",
    "a/./",
    "./",
    "././",
    ".//",
    "x/",
    "x/.",
    "x//",
    "x\0",
    "x\0.yaml",
    "x%00.yaml",
    "x ",
    "x.",
    "x\n",
    "X",
    "x::$DATA",
    "x:stream",
    "x?",
    "x#y",
    "x&path=secret",
    "x;secret",
    "a/x/../x",
    "C:x",
    "C:/x",
    "C:\\x",
    "c:../x",
    "C:\\..\\x",
    "\\x",
    "\\\\server\\share\\x",
    "//server/share/x",
    "\\\\?\\C:\\x",
    "\\\\.\\PhysicalDrive0",
    "\\??\\C:\\x",
    "file:///x",
    "file:x",
    "http://127.0.0.1/x",
    "~/x\\",
    "~root\0/x",
    "\u{202e}x/..",
    "a\u{2028}/../../x",
];

/// All of them, each once.
pub(super) fn all() -> Vec<Vec<u8>> {
    let mut found: BTreeSet<Vec<u8>> = NO_TEXT.iter().map(|path| path.to_vec()).collect();
    found.extend(PATHS.iter().map(|path| path.as_bytes().to_vec()));
    let shaped = STEPS.iter().flat_map(|step| {
        [
            (*step).to_owned(),
            format!("{step}/x"),
            format!("a/{step}"),
            format!("{step}/{step}/{step}/x"),
            format!("a/{step}/{step}/x"),
            format!("./a//{step}/{step}/x"),
        ]
    });
    let separated = SEPARATORS.iter().flat_map(|separator| {
        [format!("..{separator}x"), format!("a{separator}..{separator}..{separator}x")]
    });
    let controls =
        (1..32).chain([127]).filter_map(char::from_u32).map(|control| format!("a{control}/../../x"));
    let deep = [
        "../".repeat(3) + "x",
        "../".repeat(30) + "x",
        "../".repeat(1_365) + "x",
        "a/".repeat(3) + &"../".repeat(4) + "x",
        "a/".repeat(30) + &"../".repeat(31) + "x",
        "a/".repeat(512) + "x",
        "a/".repeat(2_500) + "x",
        "a".repeat(255) + "/../../x",
        "a".repeat(256),
        "a".repeat(256) + "/../x",
        "a".repeat(1_025),
        "a".repeat(5_000),
        "./".repeat(600) + "../x",
        "/".repeat(300) + "x",
        "..".to_owned() + &"/".repeat(300) + "x",
    ];
    let texts = shaped.chain(separated).chain(controls).chain(deep);
    found.extend(texts.map(String::into_bytes));
    found.into_iter().collect()
}
