//! Whether two versions of a message read the same bytes in the same way.

use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, Value};

/// How deep messages in messages are filled.
const DEPTH: usize = 4;

/// Where messages of the old contract read other things than the same messages of the new one, in both directions.
pub(crate) fn disagreements(
    package: &str,
    old: &DescriptorPool,
    new: &DescriptorPool,
) -> Vec<String> {
    let mut faults = Vec::new();
    for message in old
        .all_messages()
        .filter(|message| message.package_name() == package && !message.is_map_entry())
    {
        let name = message.full_name();
        let Some(now) = new.get_message_by_name(name) else {
            faults.push(format!("the message {name} is gone"));
            continue;
        };
        faults.extend(reading(
            &full(&message, DEPTH),
            &now,
            &message,
            "a newer reader",
        ));
        faults.extend(reading(
            &full(&now, DEPTH),
            &message,
            &message,
            "an older reader",
        ));
    }
    faults
}

/// Encodes a message as its writer does, decodes it as the reader does, and compares what the old contract names.
fn reading(
    written: &DynamicMessage,
    reader: &MessageDescriptor,
    old: &MessageDescriptor,
    who: &str,
) -> Vec<String> {
    match DynamicMessage::decode(reader.clone(), written.encode_to_vec().as_slice()) {
        Ok(read) => same(written, &read, old)
            .into_iter()
            .map(|fault| format!("{who}: {fault}"))
            .collect(),
        Err(error) => vec![format!("{who} cannot read {}: {error}", old.full_name())],
    }
}

/// Fields of `old` whose values differ between two readings of one message.
pub(crate) fn same(a: &DynamicMessage, b: &DynamicMessage, old: &MessageDescriptor) -> Vec<String> {
    let mut faults = Vec::new();
    for field in old.fields() {
        let at = format!("{}.{}", old.full_name(), field.name());
        let (Some(left), Some(right)) = (
            a.get_field_by_name(field.name()),
            b.get_field_by_name(field.name()),
        ) else {
            faults.push(format!("{at} is gone"));
            continue;
        };
        match field.kind() {
            Kind::Message(inner) if !field.is_map() => {
                let (left, right) = (messages(&left), messages(&right));
                if left.len() != right.len() {
                    faults.push(format!("{at} has {} and {} parts", left.len(), right.len()));
                }
                faults.extend(
                    left.iter()
                        .zip(&right)
                        .flat_map(|(left, right)| same(left, right, &inner)),
                );
            }
            Kind::Message(_) => {}
            _ if left != right => faults.push(format!(
                "{at} is {left:?} for one and {right:?} for the other"
            )),
            _ => {}
        }
    }
    faults
}

fn messages(value: &Value) -> Vec<DynamicMessage> {
    match value {
        Value::Message(message) => vec![message.clone()],
        Value::List(list) => list.iter().flat_map(messages).collect(),
        _ => Vec::new(),
    }
}

/// A message in which every field has a value of its own.
fn full(descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields().filter(|field| !field.is_map()) {
        // Of several choices the last one stays; each is a field of its own in some other message or call.
        let kind = field.kind();
        if depth == 0 && matches!(kind, Kind::Message(_)) {
            continue;
        }
        let value = sample(&kind, field.number(), depth);
        let value = if field.is_list() {
            Value::List(vec![value.clone(), value])
        } else {
            value
        };
        message.set_field(&field, value);
    }
    message
}

fn sample(kind: &Kind, number: u32, depth: usize) -> Value {
    let small = i32::try_from(number).unwrap() + 100;
    match kind {
        Kind::Double => Value::F64(f64::from(small)),
        Kind::Float => Value::F32(5.5),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(small),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(i64::from(small)),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(number + 100),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(u64::from(number) + 100),
        Kind::Bool => Value::Bool(true),
        Kind::String => Value::String(format!("text {number}")),
        Kind::Bytes => Value::Bytes(format!("bytes {number}").into()),
        Kind::Enum(values) => {
            Value::EnumNumber(values.values().map(|value| value.number()).max().unwrap())
        }
        Kind::Message(inner) => Value::Message(full(inner, depth - 1)),
    }
}
