//! Buying something as a client of an old order contract does.

use prost_reflect::DynamicMessage;
use serde_json::{Value as Json, json};

use super::grpc::Client;

const CATALOGUE: &str = "shoal.order.v1.CatalogueService";
const ORDERS: &str = "shoal.order.v1.OrderService";

/// Places an order, reads it, lists it and gives it back; what goes otherwise than the client expects.
pub(crate) async fn buy(client: &Client, key: &str) -> Vec<String> {
    match walk(client, key).await {
        Ok(faults) => faults,
        Err(fault) => vec![fault],
    }
}

async fn walk(client: &Client, key: &str) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    let mut call =
        async |service: &str, method: &str, request: Json| -> Result<DynamicMessage, String> {
            let found = client
                .method(service, method)
                .ok_or_else(|| format!("the contract has no {service}.{method}"))?;
            let (answer, told) = client
                .call(&found, &request)
                .await
                .map_err(|status| format!("{method}: {} {}", status.code(), status.message()))?;
            faults.extend(told);
            Ok(answer)
        };
    let page = call(CATALOGUE, "ListProducts", json!({"limit": 2})).await?;
    let product = first(&page, "products").ok_or("the catalogue is empty")?;
    let product = text(&product, "id")?;
    let wish = json!({"idempotency_key": key, "items": [{"product_id": product, "quantity": 1}]});
    let order = call(ORDERS, "PlaceOrder", wish).await?;
    let id = text(&order, "id")?;
    let read = call(ORDERS, "GetOrder", json!({"id": id})).await?;
    if text(&read, "id")? != id || number(&read, "total_minor") != number(&order, "total_minor") {
        return Err(format!("the order {id} reads otherwise than it was placed"));
    }
    let list = call(ORDERS, "ListOrders", json!({"limit": 1})).await?;
    let newest = first(&list, "orders").ok_or("the list is empty")?;
    if text(&newest, "id")? != id {
        return Err("the newest order is not the first of the list".to_owned());
    }
    call(ORDERS, "CancelOrder", json!({"id": id, "reason": "No"})).await?;
    Ok(faults)
}

fn first(message: &DynamicMessage, field: &str) -> Option<DynamicMessage> {
    message
        .get_field_by_name(field)?
        .as_list()?
        .first()?
        .as_message()
        .cloned()
}

fn text(message: &DynamicMessage, field: &str) -> Result<String, String> {
    let value = message
        .get_field_by_name(field)
        .and_then(|value| value.as_str().map(str::to_owned));
    value
        .filter(|text| !text.is_empty())
        .ok_or_else(|| format!("{} has no {field}", message.descriptor_name()))
}

fn number(message: &DynamicMessage, field: &str) -> Option<i64> {
    message.get_field_by_name(field)?.as_i64()
}

trait Named {
    fn descriptor_name(&self) -> String;
}

impl Named for DynamicMessage {
    fn descriptor_name(&self) -> String {
        prost_reflect::ReflectMessage::descriptor(self)
            .full_name()
            .to_owned()
    }
}
