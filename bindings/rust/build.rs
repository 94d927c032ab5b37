//! Compiles the C core in `c/` with the compiler and the archiver at hand, for the host or, by clang, for another target.
//!
//! | variable | meaning |
//! |---|---|
//! | `CC`, `AR` | the C compiler (for another target a clang) and the archiver |
//! | `KMEM_CFLAGS` | more options for the compiler, separated by blanks, such as `-fsanitize=address` |
//! | `KMEM_PORT_HEADER` | a header, by its absolute path, in place of `c/rust_port.h`: `src/port.h` says what it may define |

use std::env;
use std::path::{Path, PathBuf};
use std::process::{exit, Command, Stdio};

const SOURCES: [&str; 6] =
    ["src/kmem.c", "src/kmem_print.c", "src/page.c", "src/kernel.c", "invariants/invariant.c", "rust.c"];
const CLANGS: [&str; 7] = ["clang-19", "clang", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14"];

fn main() {
    let target = variable("TARGET");
    let core = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("c");
    let out = PathBuf::from(variable("OUT_DIR"));
    let is_cross = target != variable("HOST");
    let compilers: Vec<&str> =
        if is_cross { CLANGS.to_vec() } else { [&CLANGS[..2], &["gcc", "cc"], &CLANGS[2..]].concat() };
    let compiler = choose("CC", &compilers);
    let archiver = choose("AR", &["llvm-ar-19", "llvm-ar", "ar"]);

    let mut options: Vec<String> = "-std=c11 -ffreestanding -Wall -Wextra -ffunction-sections -fdata-sections"
        .split(' ')
        .map(String::from)
        .collect();
    // Also in a debug build: each call is a walk.
    options.push(if variable("OPT_LEVEL").contains(['s', 'z']) { "-Os" } else { "-O2" }.into());
    if variable("DEBUG") != "false" {
        options.push("-g".into());
    }
    options.extend(if is_cross { target_options(&target) } else { vec!["-fPIC".into()] });
    let port = watched("KMEM_PORT_HEADER")
        .unwrap_or_else(|| core.join("rust_port.h").to_str().expect("the path is no UTF-8").into());
    options.push(format!("-DKMEM_PORT_HEADER=\"{port}\""));
    println!("cargo:rerun-if-changed={port}");
    options.extend(watched("KMEM_CFLAGS").iter().flat_map(|flags| flags.split_whitespace()).map(String::from));

    let mut objects = Vec::new();
    for source in SOURCES {
        let object = out.join(source.replace('/', "_")).with_extension("o");
        let mut command = Command::new(&compiler);
        command.args(&options).arg("-I").arg(&core).arg("-c").arg(core.join(source)).arg("-o").arg(&object);
        run(&mut command);
        objects.push(object);
    }
    let archive = out.join("libkmem.a");
    let _ = std::fs::remove_file(&archive); // ar would keep members of an earlier build
    run(Command::new(&archiver).arg("crs").arg(&archive).args(&objects));
    watch(&core);
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=kmem");
}

/// What clang is told of a target that is not the host. Rust's name for it says nothing of the code model.
fn target_options(target: &str) -> Vec<String> {
    let (machine, system) = target.split_once('-').expect("a target has dashes");
    let Some(extensions) = machine.strip_prefix("riscv64").or_else(|| machine.strip_prefix("riscv32")) else {
        return vec![format!("--target={target}")];
    };
    let bits = &machine[5..7];
    let floats = match extensions {
        _ if extensions.contains(['g', 'd']) => "d",
        _ if extensions.contains('f') => "f",
        _ => "",
    };
    let long = if bits == "64" { "lp64" } else { "ilp32" };
    let is_bare = system.contains("none");
    let system = if is_bare { "unknown-elf" } else { system };
    let mut options = vec![
        format!("--target=riscv{bits}-{system}"),
        format!("-march=rv{bits}{extensions}"),
        format!("-mabi={long}{floats}"),
        "-mno-relax".into(),
    ];
    options.push(if is_bare { "-mcmodel=medany" } else { "-fPIC" }.into());
    options
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

/// A variable of the environment whose change means another build.
fn watched(name: &str) -> Option<String> {
    println!("cargo:rerun-if-env-changed={name}");
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn watch(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("c/ is part of the package") {
        let path = entry.expect("c/ is readable").path();
        if path.is_dir() {
            watch(&path);
        } else {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
}

/// The program that the variable names, or the first of names that runs.
fn choose(name: &str, names: &[&str]) -> String {
    if let Some(program) = watched(name) {
        return program;
    }
    let runs = |program: &&&str| {
        Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_or(false, |status| status.success())
    };
    match names.iter().find(runs) {
        Some(program) => (*program).into(),
        None => fail(&format!("none of {} runs here; set {name}", names.join(", "))),
    }
}

fn run(command: &mut Command) {
    match command.status() {
        Ok(status) if status.success() => (),
        Ok(status) => fail(&format!("{command:?} ended with {status}")),
        Err(error) => fail(&format!("{command:?}: {error}")),
    }
}

fn fail(message: &str) -> ! {
    eprintln!("kmem's build.rs: {message}");
    exit(1)
}
