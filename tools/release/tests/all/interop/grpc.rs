//! A gRPC client that knows a contract only from its proto files.

use prost_reflect::bytes::{Buf as _, BufMut as _, Bytes};
use prost_reflect::prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, Value,
};
use serde_json::Value as Json;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::proto;

/// A client of an old contract, with the present one at hand for comparison.
pub(crate) struct Client {
    pub(crate) old: DescriptorPool,
    new: DescriptorPool,
    channel: Channel,
    mesh: String,
}

impl Client {
    pub(crate) async fn connect(
        old: DescriptorPool,
        new: DescriptorPool,
        address: &str,
        mesh: &str,
    ) -> Self {
        let channel = Channel::from_shared(format!("http://{address}"))
            .unwrap()
            .connect()
            .await
            .unwrap();
        Self {
            old,
            new,
            channel,
            mesh: mesh.to_owned(),
        }
    }

    /// Methods of a package that answer once.
    pub(crate) fn methods(&self, package: &str) -> Vec<MethodDescriptor> {
        let services = self
            .old
            .services()
            .filter(|service| service.package_name() == package);
        let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
        methods
            .filter(|method| !method.is_client_streaming() && !method.is_server_streaming())
            .collect()
    }

    pub(crate) fn method(&self, service: &str, name: &str) -> Option<MethodDescriptor> {
        self.old
            .get_service_by_name(service)?
            .methods()
            .find(|method| method.name() == name)
    }

    /// Calls as a client of the old contract. The answer is what such a client reads; where a client of the present
    /// contract reads something else, that is a fault.
    pub(crate) async fn call(
        &self,
        method: &MethodDescriptor,
        request: &Json,
    ) -> Result<(DynamicMessage, Vec<String>), Status> {
        let body = message(&method.input(), request).encode_to_vec();
        let answer = self.send(method, body.into()).await?;
        let wrong = |error: prost_reflect::prost::DecodeError| {
            Status::data_loss(format!("the answer cannot be read: {error}"))
        };
        let read = DynamicMessage::decode(method.output(), answer.clone()).map_err(wrong)?;
        let faults = match self.new.get_message_by_name(method.output().full_name()) {
            Some(now) => proto::same(
                &DynamicMessage::decode(now, answer).map_err(wrong)?,
                &read,
                &method.output(),
            ),
            None => vec![format!(
                "{} answers with another message now",
                method.full_name()
            )],
        };
        Ok((read, faults))
    }

    async fn send(&self, method: &MethodDescriptor, body: Bytes) -> Result<Bytes, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client
            .ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let mut request = Request::new(body);
        let facts = [
            ("x-shoal-mesh", self.mesh.as_str()),
            ("x-shoal-user", "usr_01jd2m3n4p5q6r7s8t9v0w1x2y"),
            ("x-shoal-roles", "admin,customer"),
        ];
        for (key, value) in facts {
            request.metadata_mut().insert(key, value.parse().unwrap());
        }
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        client
            .unary(request, path.parse().unwrap(), Raw)
            .await
            .map(tonic::Response::into_inner)
    }

    /// Every method of the old contract is still there: a call without content is refused or answered, not unknown.
    pub(crate) async fn unanswered(&self, package: &str) -> Vec<String> {
        let mut faults = Vec::new();
        for method in self.methods(package) {
            match self.call(&method, &Json::Null).await {
                Ok((_, told)) => faults.extend(told),
                Err(status)
                    if matches!(
                        status.code(),
                        Code::Unimplemented | Code::Internal | Code::Unknown | Code::DataLoss
                    ) =>
                {
                    faults.push(format!(
                        "{}: {} {}",
                        method.full_name(),
                        status.code(),
                        status.message()
                    ));
                }
                // Refused for its content, which there was none of.
                Err(_) => {}
            }
        }
        faults
    }
}

/// A message from JSON with the names of the proto files; a field that the contract lacks is a mistake of the test.
fn message(descriptor: &MessageDescriptor, json: &Json) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (name, json) in json.as_object().into_iter().flatten() {
        let field = descriptor
            .get_field_by_name(name)
            .unwrap_or_else(|| panic!("{} has no {name}", descriptor.full_name()));
        let one = |json: &Json| scalar(&field.kind(), json);
        let value = match json.as_array() {
            Some(list) => Value::List(list.iter().map(one).collect()),
            None => one(json),
        };
        message.set_field(&field, value);
    }
    message
}

fn scalar(kind: &Kind, json: &Json) -> Value {
    match kind {
        Kind::String => Value::String(json.as_str().unwrap().to_owned()),
        Kind::Bool => Value::Bool(json.as_bool().unwrap()),
        Kind::Int64 => Value::I64(json.as_i64().unwrap()),
        Kind::Int32 => Value::I32(json.as_i64().unwrap().try_into().unwrap()),
        Kind::Uint32 => Value::U32(json.as_u64().unwrap().try_into().unwrap()),
        Kind::Uint64 => Value::U64(json.as_u64().unwrap()),
        Kind::Message(inner) => Value::Message(message(inner, json)),
        other => panic!("the test has no value of kind {other:?}"),
    }
}

/// Bytes as they are.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
