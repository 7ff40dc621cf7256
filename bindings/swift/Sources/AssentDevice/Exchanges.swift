import AssentDeviceCore
import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// No reply that the core understands is longer, in bytes.
private let mostBodyBytes = 256 * 1024
private let tooLong = TransportError.Unreachable(detail: "the reply is longer than any of this protocol")

/// The calls under way, and what the session tells of them. Each ends once, by whatever comes first.
final class Exchanges: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    private struct Exchange {
        let continuation: CheckedContinuation<HttpResponse, any Error>
        var body = Data()
    }

    private let lock = NSLock()
    private var running: [Int: Exchange] = [:]

    /// Sends what `task` holds.
    func begin(_ task: URLSessionDataTask, _ continuation: CheckedContinuation<HttpResponse, any Error>) {
        lock.withLock { running[task.taskIdentifier] = Exchange(continuation: continuation) }
        // Who cancelled before this found nothing to end.
        if Task.isCancelled { end(task, by: CancellationError()) } else { task.resume() }
    }

    /// Gives the call up. One that has ended already is left as it is.
    func end(_ task: URLSessionTask, by error: any Error) {
        guard let exchange = take(task) else { return }
        task.cancel()
        exchange.continuation.resume(throwing: error)
    }

    private func take(_ task: URLSessionTask) -> Exchange? {
        lock.withLock { running.removeValue(forKey: task.taskIdentifier) }
    }

    /// No redirect is followed: it is the response.
    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }

    /// A body that says it is too long need not arrive.
    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        completionHandler(.allow)
        if response.expectedContentLength > mostBodyBytes { end(dataTask, by: tooLong) }
    }

    /// Keeps a part of the body, as long as all parts together are not too much.
    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let received = lock.withLock {
            running[dataTask.taskIdentifier]?.body.append(data)
            return running[dataTask.taskIdentifier]?.body.count ?? 0
        }
        if received > mostBodyBytes {
            end(dataTask, by: tooLong)
        }
    }

    /// The whole response is there, or none will be.
    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        guard let exchange = take(task) else { return }
        if let error {
            exchange.continuation.resume(throwing: typed(error))
        } else if let response = task.response as? HTTPURLResponse {
            exchange.continuation.resume(returning: converted(response, exchange.body))
        } else {
            exchange.continuation.resume(throwing: TransportError.Unreachable(detail: "what answered speaks no HTTP"))
        }
    }
}

private func converted(_ response: HTTPURLResponse, _ body: Data) -> HttpResponse {
    let headers = response.allHeaderFields.map { HttpHeader(name: "\($0.key)", value: "\($0.value)") }
    return HttpResponse(status: UInt16(clamping: response.statusCode), headers: headers, body: body)
}

private func typed(_ error: any Error) -> TransportError {
    let code = (error as? URLError)?.code ?? .unknown
    let detail = "\(error.localizedDescription) (\(code.rawValue))"
    switch code {
    case .timedOut: return .TimedOut
    case .serverCertificateUntrusted, .serverCertificateHasBadDate, .serverCertificateNotYetValid,
        .serverCertificateHasUnknownRoot:
        return .UntrustedCertificate(detail: detail)
    // Linux has no code of its own for this: only curl's text tells.
    case .unknown where detail.contains("certificate"): return .UntrustedCertificate(detail: detail)
    default: return .Unreachable(detail: detail)
    }
}
