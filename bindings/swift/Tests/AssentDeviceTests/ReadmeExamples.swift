// What README.md shows, in its order. `ReadmeTests` compares them.
import AssentDevice
import AssentDeviceApple

func portsOfThisPhone() throws -> Ports {
    try AppGroup("group.com.example.bank").ports(transport: URLSessionTransport()) { reason in
        if case .approval(let client) = reason { "Approve for \(client)" } else { "Confirm that it is you" }
    }
}

func start(on ports: Ports) -> DeviceCore {
    DeviceCore(settings: Settings(issuers: ["https://id.example.com"], development: false), ports: ports)
}

func enrol(_ core: DeviceCore, ticket: String, push: PushTarget, show: (String) -> Void) async throws -> EnrolmentState {
    let info = DeviceInfo(
        name: "Anna's iPhone", model: "iPhone 17", os: "iOS 26", appId: "com.example.bank", appVersion: "1.0.0")
    let enrolment = try await core.enrol(ticket: ticket, info: info, push: push)
    if let digits = enrolment.digits() { show("Type \(digits) on the screen that showed the ticket") }
    return try await core.awaitEnrolment(account: enrolment.account())
}

func follow(_ core: DeviceCore, account: String, show: ([ApprovalRequest]) -> Void) async throws {
    for try await requests in core.requests(account: account) { show(requests) }
}

func screen(of request: ApprovalRequest) -> [String] {
    let display = request.display()
    let warnings = display.warnings.map { "Take care: \($0)" }
    return [display.title] + warnings + display.lines.map { "\($0.label): \($0.value)" }
}

func answer(_ core: DeviceCore, _ request: ApprovalRequest, agreed: Bool, digits: String?) async -> String {
    do {
        if let digits { try request.enterMatchCode(code: digits) }
        let outcome = try await agreed
            ? core.approve(request: request)  // the platform's dialogue appears here
            : core.deny(request: request, reason: .notMe)
        return "\(outcome)"
    } catch DeviceError.UserCancelled {
        return "Nothing was signed"
    } catch let error as DeviceError {
        return error.retryAfter == nil ? "It did not work (\(error.code))" : "Try again; you will not be asked twice"
    } catch {
        return "Not now"  // the task was cancelled
    }
}
