import AssentDevice

/// What the notification of a push says, worked out in the notification service extension. The text of the request is not in
/// it: that is for the unlocked app.
public struct NotificationText: Equatable, Sendable {
    /// Heading.
    public let title: String
    /// Text.
    public let body: String
    /// Groups what belongs to one account; `nil` where nothing is known.
    public let account: String?
    /// The prompt's id, for the app to show once the user has tapped.
    public let prompt: String?

    /// Opens the data of a push. Whatever fails, and whatever is not sealed, says no more than that something waits.
    public init(_ data: [String: String], by opener: (any NoticeOpenerProtocol)?) {
        guard let notice = try? opener?.open(data: data) else {
            self.init(title: "Approval", body: "Something awaits you.", account: nil, prompt: nil)
            return
        }
        let doubt = notice.clientVerified ? "" : " Nobody has confirmed who this is."
        self.init(title: notice.title, body: notice.kind.wording + "." + doubt, account: notice.account, prompt: notice.prompt)
    }

    /// What a notification carries: as it was delivered, but for ``Marks``, which are only ever this phone's own.
    public func marked(_ delivered: [AnyHashable: Any]) -> [AnyHashable: Any] {
        var marked = delivered
        marked[Marks.account] = account
        marked[Marks.prompt] = prompt
        return marked
    }

    private init(title: String, body: String, account: String?, prompt: String?) {
        (self.title, self.body, self.account, self.prompt) = (title, body, account, prompt)
    }
}

/// The names under which the extension writes down which request a notification is of, for the app.
public enum Marks {
    /// Of notifications with buttons.
    public static let category = "assent.request"
    static let account = "assent.account"
    static let prompt = "assent.prompt"

    /// Account and prompt of a notification that was tapped; `nil` where the extension could not read them.
    public static func read(_ data: [String: String]) -> (account: String, prompt: String)? {
        guard let account = data[account], let prompt = data[prompt] else { return nil }
        return (account, prompt)
    }
}

/// The data of a push, as the core reads it, out of what iOS delivers: its members that are text.
public func pushData(_ userInfo: [AnyHashable: Any]) -> [String: String] {
    userInfo.reduce(into: [:]) { data, member in
        if let name = member.key as? String, let text = member.value as? String { data[name] = text }
    }
}
