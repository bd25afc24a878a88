//! The types of a set of descriptors by their full names.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, MessageOptions,
};

use super::compile::{Comments, tag};

/// A message or an enum, found by its full name.
pub(super) struct Entry<'a> {
    pub(super) what: What<'a>,
    package: &'a str,
    pub(super) comment: String,
    pub(super) field_comments: Vec<String>,
}

#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    Message(&'a DescriptorProto),
    Enum(&'a EnumDescriptorProto),
}

/// Every type of the set by its full name with a leading dot, as descriptors name it.
pub(super) struct Index<'a> {
    pub(super) entries: BTreeMap<String, Entry<'a>>,
    /// Names in the order of the files.
    order: Vec<String>,
}

impl<'a> Index<'a> {
    pub(super) fn of(files: &'a [FileDescriptorProto]) -> Self {
        let mut index = Self {
            entries: BTreeMap::new(),
            order: Vec::new(),
        };
        for file in files {
            let comments = Comments::of(file);
            let scope = format!(".{}", file.package());
            for (i, message) in (0..).zip(&file.message_type) {
                let at = vec![tag::FILE_MESSAGE, i];
                index.message(message, &scope, file.package(), &comments, &at);
            }
            for (i, of) in (0..).zip(&file.enum_type) {
                let at = vec![tag::FILE_ENUM, i];
                index.enumeration(of, &scope, file.package(), &comments, &at);
            }
        }
        index
    }

    fn message(
        &mut self,
        message: &'a DescriptorProto,
        scope: &str,
        package: &'a str,
        comments: &Comments,
        at: &[i32],
    ) {
        if message
            .options
            .as_ref()
            .is_some_and(MessageOptions::map_entry)
        {
            // Kept for looking up the types of key and value, never shown.
            let name = format!("{scope}.{}", message.name());
            self.put(name, What::Message(message), package, String::new(), vec![]);
            return;
        }
        let name = format!("{scope}.{}", message.name());
        let fields = (0..).zip(&message.field).map(|(i, _)| {
            let field: Vec<i32> = [at, &[tag::MESSAGE_FIELD, i]].concat();
            comments.at(&field).to_owned()
        });
        let fields = fields.collect();
        let comment = comments.at(at).to_owned();
        self.order.push(name.clone());
        self.put(
            name.clone(),
            What::Message(message),
            package,
            comment,
            fields,
        );
        for (i, nested) in (0..).zip(&message.nested_type) {
            let at = [at, &[tag::MESSAGE_MESSAGE, i]].concat();
            self.message(nested, &name, package, comments, &at);
        }
        for (i, nested) in (0..).zip(&message.enum_type) {
            let at = [at, &[tag::MESSAGE_ENUM, i]].concat();
            self.enumeration(nested, &name, package, comments, &at);
        }
    }

    fn enumeration(
        &mut self,
        of: &'a EnumDescriptorProto,
        scope: &str,
        package: &'a str,
        comments: &Comments,
        at: &[i32],
    ) {
        let name = format!("{scope}.{}", of.name());
        let values = (0..).zip(&of.value).map(|(i, _)| {
            let value: Vec<i32> = [at, &[tag::ENUM_VALUE, i]].concat();
            comments.at(&value).to_owned()
        });
        let values = values.collect();
        self.order.push(name.clone());
        self.put(
            name,
            What::Enum(of),
            package,
            comments.at(at).to_owned(),
            values,
        );
    }

    fn put(
        &mut self,
        name: String,
        what: What<'a>,
        package: &'a str,
        comment: String,
        field_comments: Vec<String>,
    ) {
        let entry = Entry {
            what,
            package,
            comment,
            field_comments,
        };
        self.entries.insert(name, entry);
    }

    pub(super) fn of_package(&self, package: &str) -> Vec<String> {
        let inside = |n: &&String| self.entries[*n].package == package;
        self.order.iter().filter(inside).cloned().collect()
    }

    /// Types of other packages that the package's types lead to, those of `google` apart.
    pub(super) fn reached_from(&self, package: &str) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut queue: VecDeque<&str> = self
            .entries
            .iter()
            .filter(|(_, e)| e.package == package)
            .map(|(n, _)| n.as_str())
            .collect();
        while let Some(name) = queue.pop_front() {
            let Some(entry) = self.entries.get(name) else {
                continue;
            };
            if !seen.insert(name) {
                continue;
            }
            if let What::Message(message) = entry.what {
                queue.extend(message.field.iter().map(FieldDescriptorProto::type_name));
            }
        }
        let foreign = |n: &&String| {
            let from = self.entries[*n].package;
            seen.contains(n.as_str()) && from != package && !from.starts_with("google.")
        };
        self.order.iter().filter(foreign).cloned().collect()
    }
}
