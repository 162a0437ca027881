//! That a tree is not too deep to be walked, and that all its variables are there.
use ::cel::{
    IdedExpr,
    common::ast::{EntryExpr, Expr},
};

/// How deep a tree may be. A chain of selections or sums is deep without brackets, and whatever evaluates or drops a tree
/// walks it on its stack.
const DEEPEST: usize = 160;

/// What an expression can name without having defined it.
const VARIABLES: [&str; 3] = ["body", "headers", "status"];
/// What is a name in the language itself.
const TYPES: [&str; 10] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];
/// What functions are called with before their names.
const NAMESPACES: [&str; 4] = ["base64", "lists", "optional", "strings"];

/// # Errors
/// Says what is wrong.
pub(crate) fn check(tree: &IdedExpr) -> Result<(), String> {
    Walk { scope: Vec::new(), depth: 0 }.visit(tree)
}

struct Walk<'a> {
    /// What macros have defined here.
    scope: Vec<&'a str>,
    depth: usize,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, tree: &'a IdedExpr) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("it has more than {DEEPEST} operations within each other"));
        }
        self.parts(&tree.expr)?;
        self.depth -= 1;
        Ok(())
    }

    fn parts(&mut self, tree: &'a Expr) -> Result<(), String> {
        match tree {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.known(name),
            Expr::Select(select) => self.visit(&select.operand),
            Expr::Call(call) => {
                let target = call.target.as_deref().filter(|target| !is_namespace(target));
                target.into_iter().chain(&call.args).try_for_each(|part| self.visit(part))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.visit(element)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(of) => of.entries.iter().try_for_each(|entry| self.entry(&entry.expr)),
            Expr::Comprehension(all) => {
                self.visit(&all.iter_range)?;
                self.visit(&all.accu_init)?;
                let outside = self.scope.len();
                self.scope.push(&all.accu_var);
                self.visit(&all.result)?;
                self.scope.push(&all.iter_var);
                self.scope.extend(all.iter_var2.as_deref());
                self.visit(&all.loop_cond)?;
                self.visit(&all.loop_step)?;
                self.scope.truncate(outside);
                Ok(())
            }
        }
    }

    fn entry(&mut self, entry: &'a EntryExpr) -> Result<(), String> {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key)?;
                self.visit(&entry.value)
            }
        }
    }

    fn known(&self, name: &str) -> Result<(), String> {
        let plain = name.strip_prefix('.').unwrap_or(name);
        let is_known = VARIABLES.contains(&plain) || TYPES.contains(&plain) || self.scope.contains(&name);
        if is_known {
            Ok(())
        } else {
            Err(format!("there is no variable {name}; there are body, headers and status"))
        }
    }
}

fn is_namespace(tree: &IdedExpr) -> bool {
    matches!(&tree.expr, Expr::Ident(name) if NAMESPACES.contains(&name.as_str()))
}
