//! The checks of a transaction: JSON, the token, the fields.

use std::borrow::Cow;
use std::fmt;

use hyper::StatusCode;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

const INTEGER_MAX: u64 = (1 << 53) - 1;

pub struct Transaction {
    pub amount: u64,
    pub currency: String,
    pub user_id: u64,
}

#[derive(Deserialize)]
struct Order<'a> {
    #[serde(default)]
    amount: Amount,
    #[serde(borrow, default)]
    currency: Cow<'a, str>,
    #[serde(borrow, default)]
    token: Cow<'a, str>,
}

/// A JSON integer or a text of digits; 0 if it is negative or another text.
#[derive(Default)]
struct Amount(u64);

impl<'a> Deserialize<'a> for Amount {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Amount;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("an amount")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Amount, E> {
                Ok(Amount(value))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Amount, E> {
                Ok(Amount(0))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Amount, E> {
                let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
                let value = if is_decimal && !text.starts_with('0') { text.parse() } else { Ok(0) };
                Ok(Amount(value.unwrap_or(0)))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

#[derive(Deserialize)]
struct Claims {
    user_id: u64,
    enabled: bool,
}

pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    pub fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.validate_nbf = true;
        Verifier { key: DecodingKey::from_secret(secret), validation }
    }

    /// The claims of a token that is signed and has not expired.
    fn claims(&self, token: &str) -> Option<Claims> {
        jsonwebtoken::decode(token, &self.key, &self.validation).ok().map(|data| data.claims)
    }
}

/// The transaction of a request's body, or the status of the refusal.
pub fn check(body: &[u8], verifier: &Verifier) -> Result<Transaction, StatusCode> {
    let order: Order = serde_json::from_slice(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let claims = verifier.claims(&order.token).ok_or(StatusCode::UNAUTHORIZED)?;
    if !claims.enabled {
        return Err(StatusCode::FORBIDDEN);
    }
    let Amount(amount) = order.amount;
    let is_currency =
        order.currency.len() == 3 && order.currency.bytes().all(|byte| byte.is_ascii_uppercase());
    if amount < 1 || amount > INTEGER_MAX || claims.user_id > INTEGER_MAX || !is_currency {
        return Err(StatusCode::UNPROCESSABLE_ENTITY);
    }
    Ok(Transaction { amount, currency: order.currency.into_owned(), user_id: claims.user_id })
}
