use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::fixture::{Answer, Checkout};

/// Waits until the benchmark hangs, and gives its process.
fn hanging(checkout: &Checkout) -> Pid {
    let path = checkout.cache().join("hanging");
    wait_for(|| read_pid(&path))
}

fn read_pid(path: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(path).ok()?;
    Pid::from_raw(text.trim().parse().ok()?)
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..3000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it did not happen within a minute");
}

fn start(checkout: &Checkout) -> Child {
    let mut program = checkout.program(&["report"]);
    program.stdout(Stdio::piped()).stderr(Stdio::piped());
    program.spawn().unwrap()
}

fn with_hanging_benchmark() -> Checkout {
    let checkout = Checkout::changed("10");
    checkout.write("hanging", "");
    checkout.commit("Hang");
    checkout.planned("within 10 %");
    checkout
}

#[test]
fn ctrl_c_ends_the_running_command_and_removes_the_worktrees() {
    let checkout = with_hanging_benchmark();
    let program = start(&checkout);
    let benchmark = hanging(&checkout);
    assert_eq!(checkout.worktrees(), 2);
    let busy = checkout.run(&["report"]);
    busy.fails("another report of this checkout is being made");
    let own = Pid::from_child(&program);
    kill_process(own, Signal::INT).unwrap();
    let answer = Answer::of(&program.wait_with_output().unwrap());
    answer.fails("stopped by Ctrl-C; the worktrees are removed");
    assert_eq!(checkout.worktrees(), 0);
    wait_for(|| test_kill_process(benchmark).is_err().then_some(()));
}

#[test]
fn worktrees_of_a_report_that_was_killed_give_way_to_the_next() {
    let checkout = with_hanging_benchmark();
    let mut program = start(&checkout);
    let benchmark = hanging(&checkout);
    program.kill().unwrap();
    program.wait().unwrap();
    kill_process(benchmark, Signal::KILL).unwrap();
    assert_eq!(checkout.worktrees(), 2);
    checkout.git(&["rm", "--quiet", "hanging"]);
    checkout.git(&["commit", "--quiet", "--message", "Hang no more"]);
    checkout.run(&["plan"]).accepts();
    checkout.run(&["report"]).accepts();
    assert_eq!(checkout.worktrees(), 0);
}
