//! The reference of a proto package as markdown: services, messages, enums, with their comments.
//!
//! protoc-gen-doc would be the usual choice; it is a Go program that wants `protoc`, while protox, which
//! the build uses anyway, gives descriptors with their comments in one call.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumOptions, EnumValueOptions, FieldDescriptorProto,
    FieldOptions, FileDescriptorProto, MessageOptions, MethodOptions, ServiceDescriptorProto,
};

use super::compile::{Comments, compile, tag};
use super::index::{Entry, Index, What};
use crate::error::{Error, Result};

/// The reference of `package` as markdown, from the proto files below `root`.
///
/// Types of other packages which it uses, directly or not, stand in a section of their own, so that every
/// type in a table is a link within the page; `google.*` types are named only.
///
/// # Errors
/// When the files do not compile, or none has the package.
pub fn render_docs(root: &Path, package: &str) -> Result<String> {
    let set = compile(root)?;
    let own: Vec<_> = set.file.iter().filter(|f| f.package() == package).collect();
    if own.is_empty() {
        let known: BTreeSet<_> = set.file.iter().map(FileDescriptorProto::package).collect();
        return Err(Error::UnknownPackage {
            folder: root.display().to_string(),
            package: package.to_owned(),
            known: known.into_iter().collect::<Vec<_>>().join(", "),
        });
    }
    let mut page = Page {
        index: Index::of(&set.file),
        out: String::new(),
    };
    page.head(package, &own);
    for file in &own {
        page.services(file);
    }
    page.types(
        "Messages",
        "Enums",
        &page.index.of_package(package),
        package,
    );
    let used = page.index.reached_from(package);
    if !used.is_empty() {
        page.types("Types used from other packages", "", &used, package);
    }
    Ok(page.out)
}

struct Page<'a> {
    index: Index<'a>,
    out: String,
}

impl Page<'_> {
    fn head(&mut self, package: &str, files: &[&FileDescriptorProto]) {
        self.line(&format!("# gRPC contract `{package}`"));
        for file in files {
            let comments = Comments::of(file);
            let at_package = comments.at(&[tag::FILE_PACKAGE]);
            let about = if at_package.is_empty() {
                comments.at(&[tag::FILE_SYNTAX])
            } else {
                at_package
            };
            self.paragraph(about);
            self.paragraph(&format!("Source: `{}`.", file.name()));
        }
    }

    fn services(&mut self, file: &FileDescriptorProto) {
        let comments = Comments::of(file);
        for (i, service) in (0..).zip(&file.service) {
            let at = [tag::FILE_SERVICE, i];
            self.heading(2, &format!("Service `{}`", service.name()), service.name());
            self.paragraph(comments.at(&at));
            self.methods(file.package(), service, &comments, i);
        }
    }

    fn methods(
        &mut self,
        package: &str,
        service: &ServiceDescriptorProto,
        comments: &Comments,
        i: i32,
    ) {
        self.line("\n| method | request | response | meaning |");
        self.line("|---|---|---|---|");
        for (j, method) in (0..).zip(&service.method) {
            let stream = |yes: bool| if yes { "stream of " } else { "" };
            let path = [tag::FILE_SERVICE, i, tag::SERVICE_METHOD, j];
            let gone = method
                .options
                .as_ref()
                .is_some_and(MethodOptions::deprecated);
            let row = format!(
                "| `{}` | {}{} | {}{} | {}{} |",
                method.name(),
                stream(method.client_streaming()),
                self.link(method.input_type(), package),
                stream(method.server_streaming()),
                self.link(method.output_type(), package),
                deprecated(gone),
                cell(comments.at(&path)),
            );
            self.line(&row);
        }
        let full = format!("{package}.{}", service.name());
        self.paragraph(&format!("Called as `/{full}/<method>`."));
    }

    fn types(&mut self, messages: &str, enums: &str, names: &[String], package: &str) {
        let is_enum =
            |n: &&String| matches!(self.index.entries[*n].what, What::Enum(_)) && !enums.is_empty();
        let (second, first): (Vec<_>, Vec<_>) = names.iter().partition(is_enum);
        for (title, group) in [(messages, first), (enums, second)] {
            if group.is_empty() {
                continue;
            }
            self.line(&format!("\n## {title}"));
            for name in group {
                self.one_type(name, package);
            }
        }
    }

    fn one_type(&mut self, name: &str, package: &str) {
        let entry = &self.index.entries[name];
        let (what, comment) = (entry.what, entry.comment.clone());
        let comments = entry.field_comments.clone();
        let shown = shown(name, package);
        self.heading(3, &format!("`{shown}`"), &shown);
        match what {
            What::Message(message) => {
                let gone = message
                    .options
                    .as_ref()
                    .is_some_and(MessageOptions::deprecated);
                self.paragraph(&format!("{}{comment}", deprecated(gone)));
                self.fields(message, &comments, package);
            }
            What::Enum(of) => {
                let gone = of.options.as_ref().is_some_and(EnumOptions::deprecated);
                self.paragraph(&format!("{}{comment}", deprecated(gone)));
                self.values(of, &comments);
            }
        }
    }

    fn fields(&mut self, message: &DescriptorProto, comments: &[String], package: &str) {
        if message.field.is_empty() {
            self.paragraph("No fields.");
        } else {
            self.line("\n| no. | field | type | meaning |");
            self.line("|---|---|---|---|");
        }
        for (field, comment) in message.field.iter().zip(comments) {
            let gone = field.options.as_ref().is_some_and(FieldOptions::deprecated);
            let row = format!(
                "| {} | `{}` | {} | {}{}{} |",
                field.number(),
                field.name(),
                self.field_type(field, package),
                deprecated(gone),
                one_of(message, field),
                cell(comment),
            );
            self.line(&row);
        }
        self.reserved(message);
    }

    fn reserved(&mut self, message: &DescriptorProto) {
        let ranges = message
            .reserved_range
            .iter()
            .map(|r| match r.end() - r.start() {
                1 => r.start().to_string(),
                _ => format!("{} to {}", r.start(), r.end() - 1),
            });
        let names = message.reserved_name.iter().map(|n| format!("`{n}`"));
        let all: Vec<_> = ranges.chain(names).collect();
        if !all.is_empty() {
            self.paragraph(&format!("Reserved: {}.", all.join(", ")));
        }
    }

    fn values(&mut self, of: &EnumDescriptorProto, comments: &[String]) {
        self.line("\n| no. | value | meaning |");
        self.line("|---|---|---|");
        for (value, comment) in of.value.iter().zip(comments) {
            let gone = value
                .options
                .as_ref()
                .is_some_and(EnumValueOptions::deprecated);
            self.line(&format!(
                "| {} | `{}` | {}{} |",
                value.number(),
                value.name(),
                deprecated(gone),
                cell(comment)
            ));
        }
    }

    fn field_type(&self, field: &FieldDescriptorProto, package: &str) -> String {
        if let Some(Entry {
            what: What::Message(entry),
            ..
        }) = self.index.entries.get(field.type_name())
            && entry
                .options
                .as_ref()
                .is_some_and(MessageOptions::map_entry)
            && let [key, value] = entry.field.as_slice()
        {
            let (key, value) = (
                self.plain_type(key, package),
                self.plain_type(value, package),
            );
            return format!("map of {key} to {value}");
        }
        let plain = self.plain_type(field, package);
        match field.label() {
            Label::Repeated => format!("repeated {plain}"),
            _ if field.proto3_optional() => format!("optional {plain}"),
            _ => plain,
        }
    }

    fn plain_type(&self, field: &FieldDescriptorProto, package: &str) -> String {
        match field.r#type() {
            Type::Message | Type::Enum | Type::Group => self.link(field.type_name(), package),
            scalar => format!(
                "`{}`",
                scalar
                    .as_str_name()
                    .trim_start_matches("TYPE_")
                    .to_lowercase()
            ),
        }
    }

    /// A link to the type where the page shows it, else its bare name.
    fn link(&self, name: &str, package: &str) -> String {
        let shown = shown(name, package);
        let google = name.starts_with(".google.");
        if google || !self.index.entries.contains_key(name) {
            return format!("`{shown}`");
        }
        format!("[`{shown}`](#{})", anchor(&shown))
    }

    fn heading(&mut self, level: usize, text: &str, id: &str) {
        // An id of its own, as renderers differ in how they make one from a heading.
        let (marks, id) = ("#".repeat(level), anchor(id));
        self.line(&format!("\n<a id=\"{id}\"></a>\n\n{marks} {text}"));
    }

    fn paragraph(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.line(&format!("\n{}", text.trim()));
        }
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
    }
}

/// The name as the page shows it: without the package that the page is about.
fn shown(name: &str, package: &str) -> String {
    let own = format!(".{package}.");
    name.strip_prefix(&own)
        .unwrap_or_else(|| name.trim_start_matches('.'))
        .to_owned()
}

fn anchor(shown: &str) -> String {
    shown.to_lowercase().replace('.', "-")
}

fn deprecated(yes: bool) -> &'static str {
    if yes { "**Deprecated.** " } else { "" }
}

fn one_of(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let index = field.oneof_index.filter(|_| !field.proto3_optional());
    let of = index
        .and_then(|i| usize::try_from(i).ok())
        .and_then(|i| message.oneof_decl.get(i));
    of.map_or_else(String::new, |o| format!("(one of `{}`) ", o.name()))
}

/// A comment as one cell of a table.
fn cell(comment: &str) -> String {
    comment
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

#[cfg(test)]
#[path = "docs_tests.rs"]
mod tests;
