import Messages
import Primitives

/// What the supervisor and its children say to each other. What libFuzzer calls; `scripts/fuzz` builds it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))

    _ = try? Frame<ProxyToSupervisor>.decode(bytes[...])
    _ = try? Frame<SupervisorToProxy>.decode(bytes[...])
    _ = try? Frame<AgentToSupervisor>.decode(bytes[...])
    _ = try? Frame<SupervisorToAgent>.decode(bytes[...])
    readAlike(ProxyToSupervisor.self, bytes)
    readAlike(SupervisorToProxy.self, bytes)
    readAlike(AgentToSupervisor.self, bytes)
    readAlike(SupervisorToAgent.self, bytes)
    return 0
}
