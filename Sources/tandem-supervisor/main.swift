import Glibc
import SupervisorRuntime

exit(SupervisorProgram.main(Array(CommandLine.arguments.dropFirst())))
