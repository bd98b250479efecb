import Messages
import Primitives

/// What the agent and its script runner say to each other. What libFuzzer calls; `scripts/fuzz` builds it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))

    _ = try? Frame<AgentToRunner>.decode(bytes[...])
    _ = try? Frame<RunnerToAgent>.decode(bytes[...])
    readAlike(AgentToRunner.self, bytes)
    readAlike(RunnerToAgent.self, bytes)
    return 0
}
