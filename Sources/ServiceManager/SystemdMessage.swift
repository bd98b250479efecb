import CSystemd

/// Messages of the bus as values. What has another shape than expected is `.other`, or left out.
extension SystemdBus {
    static let string = CChar(bitPattern: UInt8(ascii: "s"))
    static let int32 = CChar(bitPattern: UInt8(ascii: "i"))
    private static let uint64 = CChar(bitPattern: UInt8(ascii: "t"))
    private static let objectPath = CChar(bitPattern: UInt8(ascii: "o"))
    private static let array = CChar(bitPattern: UInt8(ascii: "a"))
    private static let entry = CChar(bitPattern: UInt8(ascii: "e"))
    private static let variant = CChar(bitPattern: UInt8(ascii: "v"))
    private static let structure = CChar(bitPattern: UInt8(ascii: "r"))

    static func read(_ message: OpaquePointer) -> BusMessage {
        var cookie: UInt64 = 0
        if unsafe sd_bus_message_is_method_error(message, nil) > 0 {
            guard unsafe sd_bus_message_get_reply_cookie(message, &cookie) >= 0 else {
                return .other
            }
            return .refusal(cookie: cookie, reason: unsafe reason(of: message))
        }
        if unsafe sd_bus_message_get_reply_cookie(message, &cookie) >= 0 {
            return .reply(cookie: cookie, unsafe answer(in: message))
        }
        if unsafe sd_bus_message_is_signal(message, manager, "JobRemoved") > 0 {
            return unsafe jobRemoved(in: message)
        }
        guard
            unsafe sd_bus_message_is_signal(
                message,
                "org.freedesktop.DBus.Properties",
                "PropertiesChanged"
            ) > 0,
            let path = unsafe sd_bus_message_get_path(message),
            let interface = unsafe text(in: message)
        else { return .other }
        return .changed(
            path: unsafe String(cString: path),
            interface: interface,
            unsafe properties(in: message)
        )
    }

    private static func reason(of message: OpaquePointer) -> String {
        guard let error = unsafe sd_bus_message_get_error(message),
            let text = unsafe error.pointee.message ?? error.pointee.name
        else { return "systemd refused" }
        return unsafe String(cString: text)
    }

    /// `uoss`: number, path, unit and result.
    private static func jobRemoved(in message: OpaquePointer) -> BusMessage {
        guard unsafe sd_bus_message_has_signature(message, "uoss") > 0,
            case .number(let job)? = unsafe number(in: message),
            unsafe sd_bus_message_skip(message, "os") >= 0,
            let result = unsafe text(in: message)
        else { return .other }
        return .jobRemoved(UInt32(clamping: job), result: result)
    }

    /// The last part of `/org/freedesktop/systemd1/job/17`.
    private static func job(in message: OpaquePointer) -> BusValue? {
        var path: UnsafePointer<CChar>?
        guard unsafe sd_bus_message_read_basic(message, objectPath, &path) > 0,
            let path = unsafe path
        else { return nil }
        let number = unsafe String(cString: path).split(separator: "/").last.flatMap { Int64($0) }
        return number.map { .number($0) }
    }

    private static func answer(in message: OpaquePointer) -> [String: BusValue] {
        if unsafe sd_bus_message_has_signature(message, "a{sv}") > 0 {
            return unsafe properties(in: message)
        }
        if unsafe sd_bus_message_has_signature(message, "v") > 0,
            let value = unsafe value(in: message)
        {
            return ["": value]
        }
        if unsafe sd_bus_message_has_signature(message, "o") > 0,
            let job = unsafe job(in: message)
        {
            return ["": job]
        }
        return [:]
    }

    private static func text(in message: OpaquePointer) -> String? {
        var text: UnsafePointer<CChar>?
        guard unsafe sd_bus_message_read_basic(message, string, &text) > 0, let text = unsafe text
        else { return nil }
        return unsafe String(cString: text)
    }

    private static func properties(in message: OpaquePointer) -> [String: BusValue] {
        var found: [String: BusValue] = [:]
        guard unsafe sd_bus_message_enter_container(message, array, "{sv}") > 0 else { return [:] }
        while unsafe sd_bus_message_enter_container(message, entry, "sv") > 0 {
            guard let key = unsafe text(in: message) else { return found }
            if let value = unsafe value(in: message) { found[key] = value }
            guard unsafe sd_bus_message_exit_container(message) >= 0 else { return found }
        }
        _ = unsafe sd_bus_message_exit_container(message)
        return found
    }

    /// A variant: a text, a number, or the number of a job; nil for others, which are passed over.
    private static func value(in message: OpaquePointer) -> BusValue? {
        var contents: UnsafePointer<CChar>?
        guard unsafe sd_bus_message_peek_type(message, nil, &contents) > 0,
            let contents = unsafe contents
        else { return nil }
        let signature = unsafe String(cString: contents)
        guard ["s", "u", "i", "t", "(uo)"].contains(signature) else {
            _ = unsafe sd_bus_message_skip(message, "v")
            return nil
        }
        guard unsafe sd_bus_message_enter_container(message, variant, signature) > 0 else {
            return nil
        }
        defer { _ = unsafe sd_bus_message_exit_container(message) }
        switch signature {
        case "s": return unsafe text(in: message).map { .text($0) }
        case "t":
            var wide: UInt64 = 0
            guard unsafe sd_bus_message_read_basic(message, uint64, &wide) > 0 else { return nil }
            return .number(Int64(clamping: wide))
        case "(uo)":
            guard unsafe sd_bus_message_enter_container(message, structure, "uo") > 0 else {
                return nil
            }
            let job = unsafe number(in: message)
            _ = unsafe sd_bus_message_skip(message, "o")
            _ = unsafe sd_bus_message_exit_container(message)
            return job
        default: return unsafe number(in: message)
        }
    }

    private static func number(in message: OpaquePointer) -> BusValue? {
        var type: CChar = 0
        var bits: UInt32 = 0
        guard unsafe sd_bus_message_peek_type(message, &type, nil) > 0,
            unsafe sd_bus_message_read_basic(message, type, &bits) > 0
        else { return nil }
        return .number(type == int32 ? Int64(Int32(bitPattern: bits)) : Int64(bits))
    }
}
