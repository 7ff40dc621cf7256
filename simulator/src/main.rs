//! `simulator`: the demo, played in the terminal or left running. See the library for who is in it.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser as _;
use simulator::authority::CLIENT_SUBJECT;
use simulator::cli::CommandLine;
use simulator::demo::Demo;
use simulator::narrator::Narrator;
use simulator::{automation, play};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    match run(CommandLine::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "simulator: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: CommandLine) -> Result<(), Box<dyn Error>> {
    // The line of --describe stands alone on the standard output.
    let out: Box<dyn Write + Send> = if options.describe { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
    let mut say = Narrator::new(out);
    let demo = Demo::start(&options).await?;
    let automation = automation::serve(demo.phone.clone(), options.automation_listen).await;
    let automation =
        automation.map_err(|error| format!("--automation-listen {}: {error}", options.automation_listen))?;
    let description = demo.described(&automation::url(automation, &demo.provider.issuer))?;
    if options.describe {
        writeln!(io::stdout(), "{description}")?;
        io::stdout().flush()?;
    }
    for remark in &demo.provider.remarks {
        say.line(&format!("Note: {remark}"));
    }
    if options.headless {
        let played = play::play(&demo, &mut say).await;
        demo.stop().await;
        played?;
        say.line(&format!("\nAll {} steps held.", say.steps()));
        return Ok(());
    }
    tell(&mut say, &description);
    told_to_stop().await?;
    demo.stop().await;
    Ok(())
}

fn tell(say: &mut Narrator, description: &serde_json::Value) {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    say.line("Assent is running. Stop it with Ctrl-C.\n");
    say.line(&format!("  issuer       {}", text(&description["issuer"])));
    say.line(&format!("  discovery    {}", text(&description["discovery"])));
    say.line(&format!("  admin API    {}", text(&description["admin"]["url"])));
    say.line(&format!("  admin token  {}", text(&description["admin"]["token"])));
    say.line(&format!("  automation   POST {}?auth_req_id=…&action=allow|deny", text(&description["automation"])));
    if let Some(tls) = description["tls"].as_object() {
        say.line(&format!("  mutual TLS   {}", text(&tls["mtls"])));
        say.line(&format!("  authority    {} (curl --cacert)", text(&tls["ca"])));
        say.line(&format!(
            "  certificate  {} (curl --cert), subject {CLIENT_SUBJECT}",
            text(&tls["client_certificate"])
        ));
        say.line(&format!("  its key      {} (curl --key)", text(&tls["client_key"])));
    }
    for client in description["clients"].as_array().into_iter().flatten() {
        let id = text(&client["client_id"]);
        let known_by = match (client["client_secret"].as_str(), client["token_endpoint_auth_method"].as_str()) {
            (Some(secret), _) => format!("secret {secret}"),
            (None, method) => method.unwrap_or_default().to_owned(),
        };
        say.line(&format!("  client       {id}, {known_by}"));
    }
    for configuration in description["conformance"]["configurations"].as_array().into_iter().flatten() {
        say.line(&format!("  plan         {} {}", text(&configuration["plan"]), text(&configuration["file"])));
    }
    for user in description["users"].as_array().into_iter().flatten() {
        let (subject, username, email) = (text(&user["subject"]), text(&user["username"]), text(&user["email"]));
        say.line(&format!("  user         {username} (subject {subject}, {email}), phone enrolled"));
    }
}

/// Ends at the first SIGTERM or SIGINT.
async fn told_to_stop() -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
