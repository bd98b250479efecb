import CLinux

/// A system call that failed: which one, on what, and the kernel's reason.
package struct SystemCallError: Error, Equatable, Sendable {
    /// The call's name, such as `bind`.
    package var call: String
    /// What it was called on, such as a path; empty where the call says it all.
    package var subject: String
    package var errno: Int32

    package init(_ call: String, on subject: String = "", errno: Int32) {
        self.call = call
        self.subject = subject
        self.errno = errno
    }
}

extension SystemCallError: CustomStringConvertible {
    package var description: String {
        let place = subject.isEmpty ? "" : " \(subject)"
        return "\(call)\(place): \(errorText(errno))"
    }
}

/// The C library's words for an errno.
package func errorText(_ errno: Int32) -> String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
        guard let base = buffer.baseAddress else { return "error \(errno)" }
        unsafe buffer.initialize(repeating: 0)
        guard unsafe tandem_error_text(errno, base, buffer.count) == 0 else {
            return "error \(errno)"
        }
        return unsafe String(cString: base)
    }
}

/// Turns a shim's `-errno` into an error and anything else into the value.
@discardableResult
package func check(
    _ result: Int32,
    _ call: String,
    on subject: @autoclosure () -> String = ""
) throws(SystemCallError) -> Int32 {
    guard result >= 0 else { throw SystemCallError(call, on: subject(), errno: -result) }
    return result
}
