import AssentDeviceCore
import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// HTTP by the platform's own `URLSession` and its own TLS: no redirects, no cookies, no cache, no stored credentials.
///
/// A call that is cancelled, takes longer than the core said, or is answered by more than 256 KiB has its connection
/// closed. One object serves a whole app.
public final class URLSessionTransport: Transport {
    private let session: URLSession
    private let exchanges = Exchanges()

    /// - Parameter configuration: What else the session needs, proxies for one. Redirects, cookies, cache, credentials and
    ///   time limits are set here, whatever it says of them.
    public init(configuration given: URLSessionConfiguration = .ephemeral) {
        let configuration = given.copy() as? URLSessionConfiguration ?? given
        configuration.httpCookieStorage = nil
        configuration.httpCookieAcceptPolicy = .never
        configuration.httpShouldSetCookies = false
        configuration.urlCache = nil
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        configuration.urlCredentialStorage = nil
        session = URLSession(configuration: configuration, delegate: exchanges, delegateQueue: nil)
    }

    deinit { session.finishTasksAndInvalidate() }

    /// Sends one request; any status is a response.
    public func send(request: HttpRequest) async throws -> HttpResponse {
        let task = session.dataTask(with: try urlRequest(request))
        let exchanges = exchanges
        let deadline = Task {
            try await Task.sleep(for: .seconds(Int64(request.timeoutSeconds)))
            exchanges.end(task, by: TransportError.TimedOut)
        }
        defer { deadline.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { exchanges.begin(task, $0) }
        } onCancel: {
            exchanges.end(task, by: CancellationError())
        }
    }
}

private func urlRequest(_ request: HttpRequest) throws -> URLRequest {
    guard let url = URL(string: request.url), ["http", "https"].contains(url.scheme?.lowercased()) else {
        throw TransportError.Unreachable(detail: "not a URL of HTTP")
    }
    var made = URLRequest(url: url, timeoutInterval: TimeInterval(request.timeoutSeconds))
    made.httpMethod = request.method
    for header in request.headers { made.addValue(header.value, forHTTPHeaderField: header.name) }
    if !request.body.isEmpty { made.httpBody = request.body }
    return made
}
