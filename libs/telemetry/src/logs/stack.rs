//! The part of a stack that a person looks for.

/// Frames shown; the rest is the way from `main`, known to everybody.
const FRAMES: usize = 12;

/// Whether a field holds a stack.
pub(super) fn is_stack(field: &str) -> bool {
    field == "stack" || field.ends_with(".stack")
}

/// `function (file:line:column)` of the frames in code of this workspace,
/// innermost first.
pub(super) fn own_frames(stack: &str) -> Vec<String> {
    let mut frames = Vec::new();
    let mut function = "";
    for line in stack.lines().map(str::trim) {
        match line.strip_prefix("at ") {
            None => function = line.split_once(": ").map_or(line, |(_, name)| name),
            Some(place) if is_own(place) => frames.push(format!("{function} ({place})")),
            Some(_) => {}
        }
    }
    frames.truncate(FRAMES);
    frames
}

/// Not the standard library, not a dependency, not the C library.
fn is_own(place: &str) -> bool {
    let foreign = ["/rustc/", "/.cargo/registry/", "/nptl/", "/sysdeps/"];
    !foreign.iter().any(|part| place.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_frames_of_our_own_code_are_left() {
        let stack = "   0: core::ops::call_once\n             at /rustc/abc/library/core/src/ops/function.rs:250:5\n   1: shoal_error::Error::internal\n             at ./libs/error/src/lib.rs:95:9\n   2: tokio::runtime::task::poll\n  3: axum::call\n   at /home/me/.cargo/registry/src/x/axum/src/lib.rs:1:1\n   4: order::place::{{closure}}\n             at ./services/order/src/api/orders.rs:12:3";
        assert_eq!(
            own_frames(stack),
            [
                "shoal_error::Error::internal (./libs/error/src/lib.rs:95:9)",
                "order::place::{{closure}} (./services/order/src/api/orders.rs:12:3)",
            ]
        );
    }

    #[test]
    fn a_stack_in_which_nothing_is_ours_is_empty() {
        assert!(own_frames("").is_empty());
        assert!(own_frames("0: disabled backtrace").is_empty());
    }
}
