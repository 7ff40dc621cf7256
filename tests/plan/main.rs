//! The modules of the OpenID Foundation's FAPI-CIBA plan, as we read it: one test for each module, by its number, over
//! the cells of the plan to which it applies, with PS256 and with ES256. What only a socket can show (TLS scans) is in
//! `server/tests/tls`.

mod discovery;
mod flows;
mod parties;
mod ping;
mod refresh;
mod request_objects;
mod stage;
mod suite;
