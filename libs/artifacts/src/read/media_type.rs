//! What a file is, guessed by its extension. Told to people, never sent as the type of a body: no answer of ours may be
//! taken for a page.

const UNKNOWN: &str = "application/octet-stream";

/// The media type of the file at `path`.
pub(super) fn of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "yaml" | "yml" => "application/yaml",
        "json" => "application/json",
        "toml" => "application/toml",
        "xml" => "application/xml",
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "svg" => "image/svg+xml",
        "txt" | "log" | "conf" | "ini" | "env" | "properties" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "pem" | "crt" => "application/x-pem-file",
        "gz" | "tgz" => "application/gzip",
        "tar" => "application/x-tar",
        "zip" => "application/zip",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_extension_of_the_name_counts() {
        for (path, media_type) in [
            ("apps/cm.yaml", "application/yaml"),
            ("a.json/b.YML", "application/yaml"),
            ("archive.tar.gz", "application/gzip"),
            ("index.html", "text/html"),
            ("a.json/data", UNKNOWN),
            ("data", UNKNOWN),
        ] {
            assert_eq!(of(path), media_type, "{path}");
        }
    }
}
