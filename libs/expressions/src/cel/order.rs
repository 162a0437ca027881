//! The order in which macros go over a map: that of its keys. The interpreter has none, and another one in each process, so that
//! the same data would make another artifact each time.
use ::cel::{
    Env, ExecutionError, IdedExpr,
    common::{
        ast::{CallExpr, EntryExpr, Expr},
        types::{CelList, CelMap, CelMapKey, DYN_TYPE},
        value::{CowVal, Val},
    },
};
use std::mem;

/// What no expression can call.
const IN_ORDER: &str = "@inOrder";

/// Lets whatever goes over something go over it in order. The tree is one that can be walked.
pub(crate) fn put(tree: &mut IdedExpr) {
    match &mut tree.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => {}
        Expr::Select(select) => put(&mut select.operand),
        Expr::Call(call) => call.target.as_deref_mut().into_iter().chain(&mut call.args).for_each(put),
        Expr::List(list) => list.elements.iter_mut().for_each(put),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| put_entry(&mut entry.expr)),
        Expr::Struct(of) => of.entries.iter_mut().for_each(|entry| put_entry(&mut entry.expr)),
        Expr::Comprehension(all) => {
            let parts = [&mut all.accu_init, &mut all.loop_cond, &mut all.loop_step, &mut all.result];
            parts.into_iter().chain([&mut all.iter_range]).for_each(put);
            let id = all.iter_range.id;
            let range = mem::replace(&mut all.iter_range, IdedExpr { id, expr: Expr::Unspecified });
            let call = CallExpr { func_name: IN_ORDER.to_owned(), target: None, args: vec![range] };
            all.iter_range.expr = Expr::Call(call);
        }
    }
}

fn put_entry(entry: &mut EntryExpr) {
    match entry {
        EntryExpr::StructField(field) => put(&mut field.value),
        EntryExpr::MapEntry(entry) => {
            put(&mut entry.key);
            put(&mut entry.value);
        }
    }
}

/// Lets an environment evaluate what [`put`] has changed.
pub(crate) fn declare(environment: &mut Env) {
    let declared = environment.add_overload(IN_ORDER, "@inOrder(dyn)", vec![DYN_TYPE], in_order);
    declared.expect("it is declared once");
}

/// The keys of a map, sorted; anything else as it is.
fn in_order<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let range = args.pop().ok_or(ExecutionError::InvalidArgumentCount { expected: 1, actual: 0 })?;
    let Some(map) = range.downcast_ref::<CelMap<'_>>() else { return Ok(range) };
    let mut keys: Vec<&CelMapKey<'_>> = map.inner().keys().collect();
    keys.sort_unstable();
    let keys: Vec<Box<dyn Val + '_>> = keys.into_iter().map(|key| key.inner().clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

#[cfg(test)]
mod tests {
    use super::super::{Cel, Program};
    use crate::{data::Form, document::Interpreter};
    use std::collections::BTreeMap;

    fn made(body: &str, text: &str) -> String {
        let mut document = Cel::new(200, &BTreeMap::new());
        document.set_body(body.as_bytes().to_vec(), Form::Other);
        let made = document.evaluate(text).expect(text);
        String::from_utf8(made).expect("text")
    }

    #[test]
    fn every_macro_goes_over_a_map_by_its_sorted_keys() {
        let body: String = (0..20).rev().map(|n| format!("\"k{n:02}\": {n},")).collect();
        let body = format!("{{{}}}", body.trim_end_matches(','));
        let sorted: Vec<String> = (0..20).map(|n| format!("k{n:02}")).collect();
        for (text, expected) in [
            ("body.map(k, k).join(' ')", sorted.join(" ")),
            ("body.filter(k, body[k] > 2).join(' ')", sorted[3..].join(" ")),
            ("body.map(k, k != 'k00', k + '!').join(' ')", sorted[1..].join("! ") + "!"),
            (
                "[body].map(b, b.map(k, b[k]))",
                format!("[[{}]]", (0..20).map(|n| n.to_string()).collect::<Vec<_>>().join(",")),
            ),
            ("{'a': body.map(k, k)}.a[19]", "k19".to_owned()),
            ("body.exists(k, k == 'k07') && body.all(k, size(k) == 3)", "true".to_owned()),
        ] {
            assert_eq!(made(&body, text), expected, "{text}");
        }
    }

    #[test]
    fn keys_of_several_types_have_an_order_too() {
        assert_eq!(
            made("", "{true: 1, 'a': 1, 2u: 1, -1: 1, 'B': 1}.map(k, string(k)).join(' ')"),
            "-1 2 true B a"
        );
    }

    #[test]
    fn lists_keep_their_order_and_what_is_neither_is_refused_as_before() {
        assert_eq!(made("[3, 1, 2]", "body.map(n, n)"), "[3,1,2]");
        let text = "body.map(n, n)";
        let mut document = Cel::new(200, &BTreeMap::new());
        document.set_body(b"text".to_vec(), Form::Other);
        let problem = document.evaluate(text);
        assert_eq!(
            problem.expect_err("no list").split(" (").next(),
            Some("a value of another type than iterable was given")
        );
    }

    #[test]
    fn nobody_can_call_what_puts_in_order() {
        assert!(Program::parse("@inOrder(body)").is_err());
    }
}
