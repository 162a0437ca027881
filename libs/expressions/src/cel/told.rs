//! What may be told of an error. The interpreter's own words hold the values that it met: of those nothing is told but
//! their types, and names only where the expression itself, which everybody may read, has them.
use ::cel::ExecutionError;

/// What went wrong, in words that hold nothing of the data.
pub(crate) fn told(error: &ExecutionError, text: &str) -> String {
    let named = |what: &str, name: &str| match text.contains(name) {
        true => format!("{what} {name}"),
        false => what.to_owned(),
    };
    match error {
        ExecutionError::NoSuchKey(name) => named("there is no key", name),
        ExecutionError::UndeclaredReference(name) => named("there is no function or variable", name),
        ExecutionError::NoSuchOverload(mismatch) => mismatch.to_string(),
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            format!("a function takes {expected} arguments and was given {actual}")
        }
        ExecutionError::UnexpectedType { want, .. } => {
            format!("a value of another type than {want} was given")
        }
        ExecutionError::UnsupportedBinaryOperator(operator, left, right) => {
            format!("{operator} cannot take {} and {}", left.type_of(), right.type_of())
        }
        ExecutionError::ValuesNotComparable(left, right) => {
            format!("{} and {} cannot be compared", left.type_of(), right.type_of())
        }
        ExecutionError::UnsupportedIndex(index, of) => {
            format!("{} has no element by a value of type {}", of.type_of(), index.type_of())
        }
        ExecutionError::NotSupportedAsMethod { method, target } => {
            format!("{} of {}", named("there is no method", method), target.type_of())
        }
        ExecutionError::FunctionError { function, .. } => format!("{} failed", named("function", function)),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "division by zero".into(),
        ExecutionError::Overflow(..) => "a number is too large".into(),
        ExecutionError::IndexOutOfBounds(_) => "an index is beyond the end of a list".into(),
        ExecutionError::UnsupportedKeyType(key) => format!("{} cannot be a key", key.type_of()),
        ExecutionError::DuplicateKey(_) => "a map has a key twice".into(),
        _ => "it has no value for this data".into(),
    }
}
