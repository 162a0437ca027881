//! What a user is told who has to grant a right. Pure.

/// The line that grants what is missing, to be pasted as it is. The answer itself says whom to grant it to.
pub(super) fn grant(role: &str, namespace: &str, refusal: &str) -> String {
    let user =
        refusal.split_once("User \"").and_then(|(_, rest)| rest.split_once('"')).map_or("", |(user, _)| user);
    let subject = match user.strip_prefix("system:serviceaccount:") {
        Some(account) => format!("--serviceaccount={account}"),
        None if user.is_empty() => "--serviceaccount=postern-system:postern".to_owned(),
        None => format!("--user={user}"),
    };
    format!("kubectl create rolebinding {role} --clusterrole={role} {subject} -n {namespace}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_account_that_was_refused() {
        let refusal =
            r#"secrets "token" is forbidden: User "system:serviceaccount:postern-system:postern" cannot get"#;
        let line = "kubectl create rolebinding postern-secrets --clusterrole=postern-secrets \
                    --serviceaccount=postern-system:postern -n apps";
        assert_eq!(grant("postern-secrets", "apps", refusal), line);
        assert_eq!(grant("postern-secrets", "apps", "no"), line);
        assert!(grant("postern-secrets", "apps", r#"User "eve" cannot"#).ends_with(" --user=eve -n apps"));
    }
}
