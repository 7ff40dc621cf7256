//! The client of every outgoing call, against real sockets on this machine and name servers that say what the test
//! wants: what strangers' URLs never reach, and what the operator's settings open to them. Then the keys
//! that clients publish. No name leaves this machine.

mod hostile;
mod key_material;
mod key_sets;
mod name_server;
mod reached;
mod server;
