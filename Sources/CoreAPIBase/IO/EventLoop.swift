internal import CEpoll
internal import Glibc
internal import Synchronization

/// One thread that waits for sockets (epoll, edge-triggered) and runs Swift tasks in between.
///
/// As a `TaskExecutor` it runs everything that a task with this preference does, so a connection
/// lives and dies on one thread and shares nothing. A turn of the loop is: run the jobs, flush what
/// they gathered, wait for events, call their handlers.
///
/// Sendable by discipline: all but `enqueue`, `submit`, `stop` and `isCurrent` is called on the
/// loop's own thread, or before it runs, which debug builds check.
@safe package final class EventLoop: TaskExecutor, @unchecked Sendable {
    // Only the loop's thread uses these lists. An access ends before a handler is called, and no
    // `deinit` of a handler calls the loop except by `submit`: no exclusivity check is needed.
    @exclusivity(unchecked) private var handlers: [(any EventHandler)?] = []
    private var timedHandlers: [any EventHandler] = []
    @exclusivity(unchecked) private var flushing: [any EventHandler] = []
    /// The readiness of each descriptor that its handler has not received: a turn was too short.
    @exclusivity(unchecked) private var untold: [SocketReadiness] = []
    /// The descriptors of those handlers, the first to be called first, and whether there are any.
    private var late: [Int] = []
    private var isLate = false
    private var budget = TurnBudget(at: .now())
    /// Handlers that have asked for a turn; two lists alternate, as with the jobs.
    @exclusivity(unchecked) private var waiting: [any EventHandler] = []
    @exclusivity(unchecked) private var called: [any EventHandler] = []
    @exclusivity(unchecked) private var jobs: [UnownedJob] = []
    /// The jobs of the current turn: two lists alternate, so that neither is allocated anew.
    @exclusivity(unchecked) private var running: [UnownedJob] = []
    private var nextSweep = MonotonicTime.never
    private var isStopped = false
    /// The time at the beginning of this turn.
    package var now: MonotonicTime { time }
    /// Private, so that the compiler sees every access: one that it does not see is checked while
    /// it runs.
    private var time = MonotonicTime.now()

    private let turnEnded: TurnEnded?
    /// What other threads have for this one; nil once the loop has ended.
    private let inbox = Mutex<[Work]?>([])
    /// The `pthread_t` of the thread that runs the loop; 0 before it does.
    private let thread = Atomic<UInt>(0)
    private let poll: FileDescriptor
    private let wakeUp: FileDescriptor
    /// Where every socket of this loop is read into first.
    private let scratch = UnsafeMutableRawBufferPointer.allocate(
        byteCount: EventLoop.readBytesMax, alignment: 16)

    /// How many bytes one read brings at most.
    package static let readBytesMax = 64 * 1024
    private static let eventsMax = 256
    /// Deadlines are looked at no more often than this, and than once in a millisecond for each
    /// thousand descriptors, so that many of them cost little (docs/decisions/0002-deadlines.md).
    private static let sweepIntervalMillisecondsMin = 20
    private static let descriptorsPerSweepMillisecond = 1_000

    private enum Work {
        case job(UnownedJob)
        case action(@Sendable () -> Void)
    }

    /// Receives the length of each turn: how long events that arrive meanwhile wait.
    package typealias TurnEnded = @Sendable (_ nanoseconds: Int64, _ now: MonotonicTime) -> Void

    package init(turnEnded: TurnEnded? = nil) throws(SystemError) {
        self.turnEnded = turnEnded
        let pollNumber = try SystemCall.run("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) }
        let wakeUpNumber = try SystemCall.run("eventfd") {
            eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        }
        guard let pollNumber, let wakeUpNumber else {
            preconditionFailure("neither epoll_create1 nor eventfd blocks")
        }
        poll = FileDescriptor(taking: pollNumber)
        wakeUp = FileDescriptor(taking: wakeUpNumber)
        try watch(wakeUp)
    }

    deinit { unsafe scratch.deallocate() }

    // MARK: - From any thread

    /// Whether the calling thread is the loop's.
    package var isCurrent: Bool { thread.load(ordering: .relaxed) == pthread_self() }

    /// Runs a job of a task on the loop's thread.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent { return unsafe jobs.append(job) }
        let isTaken = post(.job(job))
        precondition(isTaken, "a task ends before its loop does")
    }

    /// Runs the action on the loop's thread, in a turn to come. False if the loop has ended: then
    /// the action is dropped; every action that was taken is run.
    @discardableResult
    package func submit(_ action: @escaping @Sendable () -> Void) -> Bool { post(.action(action)) }

    /// Ends `run` after the turn in which this arrives.
    package func stop() { submit { [unowned self] in isStopped = true } }

    private func post(_ work: Work) -> Bool {
        let count = inbox.withLock { inbox in
            inbox?.append(work)
            return inbox?.count ?? 0
        }
        if count == 1 { wake() }
        return count > 0
    }

    private func wake() {
        // EAGAIN: the counter is full, so the loop wakes up anyway.
        let result = eventfd_write(wakeUp.number, 1)
        precondition(result == 0 || errno == EAGAIN, "an eventfd can be written")
    }

    // MARK: - Handlers

    /// Calls the handler when its socket is ready: once for each change (edge-triggered).
    package func register(
        _ handler: any EventHandler, for socket: borrowing Socket
    ) throws(SystemError) {
        assertCurrent()
        try watch(socket.descriptor)
        let number = Int(socket.descriptor.number)
        while unsafe handlers.count <= number {
            unsafe handlers.append(nil)
            unsafe untold.append([])
        }
        unsafe handlers[number] = handler
        unsafe untold[number] = []
    }

    /// To be called before the socket is closed, which ends the kernel's interest in it.
    package func unregister(_ socket: borrowing Socket) {
        assertCurrent()
        unsafe handlers[Int(socket.descriptor.number)] = nil
        unsafe untold[Int(socket.descriptor.number)] = []
    }

    /// As `unregister`, for a socket that has other descriptors, of other loops or processes: to
    /// close ours does not end the kernel's interest (epoll(7), question 6).
    package func unregister(shared socket: borrowing Socket) {
        unregister(socket)
        let (poll, number) = (poll.number, socket.descriptor.number)
        let result = epoll_ctl(poll, EPOLL_CTL_DEL, number, nil)
        precondition(result == 0, "what was registered can be unregistered")
    }

    /// Keeps the deadlines of a handler that does not always have a socket.
    package func addTimed(_ handler: any EventHandler) {
        assertCurrent()
        timedHandlers.append(handler)
    }

    package func removeTimed(_ handler: any EventHandler) {
        assertCurrent()
        timedHandlers.removeAll { $0 === handler }
    }

    /// Tells the loop of a deadline that may be earlier than those it knows.
    package func bringForward(_ deadline: MonotonicTime) {
        if deadline < nextSweep { nextSweep = deadline }
    }

    /// Calls the handler's `flush` once at the end of this turn.
    package func requestFlush(_ handler: any EventHandler) {
        assertCurrent()
        unsafe flushing.append(handler)
    }

    /// Calls the handler's `proceed` in the next turn, when others have had theirs.
    package func requestTurn(_ handler: any EventHandler) {
        assertCurrent()
        unsafe waiting.append(handler)
    }

    /// A handler has done one of several things at once, such as a request that was pipelined:
    /// whether the others are to wait for its next turn.
    package func endsTurn() -> Bool {
        // A copy: an access that lasts over a call is checked while it runs.
        var spent = budget
        defer { budget = spent }
        return spent.called()
    }

    /// Reads once from the socket: the bytes are valid during the call. Returns how many came, 0 at
    /// the end of the stream; nil if there is nothing yet.
    ///
    /// - Parameter bytesMax: 1 to `readBytesMax`.
    package func read(
        _ socket: borrowing Socket, atMost bytesMax: Int = EventLoop.readBytesMax,
        _ body: (Span<UInt8>) -> Void
    ) throws(SystemError) -> Int? {
        assertCurrent()
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch[..<bytesMax])
        guard let count = unsafe try socket.receive(room) else { return nil }
        let received = unsafe scratch[..<count].assumingMemoryBound(to: UInt8.self)
        unsafe body(Span(_unsafeElements: received))
        return count
    }

    package func assertCurrent() {
        assert(
            isCurrent || thread.load(ordering: .relaxed) == 0,
            "a loop's handlers and their sockets belong to the loop's own thread, once it runs")
    }

    // MARK: - Running

    /// Runs on the calling thread until `stop`.
    package func run() {
        thread.store(pthread_self(), ordering: .relaxed)
        var events = unsafe [epoll_event](repeating: epoll_event(), count: EventLoop.eventsMax)
        time = .now()
        while !isStopped {
            runJobs()
            callWaiting()
            flushAll()
            endTurn()
            unsafe handle(&events)
            if time >= nextSweep { sweep() }
        }
        end()
    }

    /// Reads the clock for the wait that follows.
    private func endTurn() {
        let began = time
        time = .now()
        turnEnded?(time.nanoseconds(since: began), time)
    }

    /// Closes the inbox and runs the work that it held.
    private func end() {
        perform(inbox.withLock { exchange(&$0, with: nil) } ?? [])
        while unsafe !jobs.isEmpty || !waiting.isEmpty {
            runJobs()
            callWaiting()
        }
        flushAll()
    }

    /// Runs the jobs that there are; those that they add have their turn after the sockets.
    private func runJobs() {
        guard unsafe !jobs.isEmpty else { return }
        unsafe swap(&running, &jobs)
        budget = TurnBudget(at: .now())
        var count = 0
        repeat {
            let job = unsafe running[count]
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            count += 1
        } while unsafe count < running.count && !endsTurn()
        if unsafe count < running.count { unsafe jobs = unsafe Array(running[count...]) + jobs }
        unsafe running.removeAll(keepingCapacity: true)
    }

    /// As `runJobs`, of the handlers that have asked for a turn.
    private func callWaiting() {
        guard unsafe !waiting.isEmpty else { return }
        unsafe swap(&called, &waiting)
        budget = TurnBudget(at: .now())
        var count = 0
        repeat {
            unsafe called[count].proceed()
            count += 1
        } while unsafe count < called.count && !endsTurn()
        if unsafe count < called.count { unsafe waiting = unsafe Array(called[count...]) + waiting }
        unsafe EventLoop.empty(&called)
    }

    /// Keeps the capacity. `removeAll` costs more for the one handler of most turns.
    private static func empty(_ handlers: inout [any EventHandler]) {
        while handlers.popLast() != nil {}
    }

    private func flushAll() {
        guard unsafe !flushing.isEmpty else { return }
        // A handler may ask again while it flushes.
        var index = 0
        while unsafe index < flushing.count {
            unsafe flushing[index].flush()
            index += 1
        }
        unsafe EventLoop.empty(&flushing)
    }

    /// Waits for events, no longer than to the next deadline, and calls their handlers.
    private func handle(_ events: inout [epoll_event]) {
        let count = unsafe wait(&events)
        time = .now()
        budget = TurnBudget(at: time)
        callLate()
        for index in 0..<count {
            let number = unsafe events[index].data.fd
            if number == wakeUp.number {
                takeInbox()
                continue
            }
            tell(Int(number), unsafe EventLoop.readiness(events[index].events))
        }
    }

    /// Calls the handler, or notes that it is to be called when those before it have been.
    private func tell(_ number: Int, _ readiness: SocketReadiness) {
        // The handler of an event in this batch may have been unregistered by another.
        guard let handler = unsafe handlers[number] else { return }
        if !isLate, !budget.isSpent {
            handler.ready(readiness)
            _ = endsTurn()
            return
        }
        if unsafe untold[number].isEmpty { late.append(number) }
        unsafe untold[number].formUnion(readiness)
        isLate = true
    }

    /// Calls the handlers that a turn before had no time for.
    private func callLate() {
        guard isLate else { return }
        var count = 0
        repeat {
            let (number, handler) = unsafe (late[count], handlers[late[count]])
            let readiness = unsafe untold[number]
            unsafe untold[number] = []
            // None: its socket was closed meanwhile.
            if let handler, !readiness.isEmpty { handler.ready(readiness) }
            count += 1
        } while count < late.count && !endsTurn()
        late.removeFirst(count)
        isLate = !late.isEmpty
    }

    private static func readiness(_ flags: UInt32) -> SocketReadiness {
        if flags & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 {
            return [.readable, .writable, .ended]
        }
        var readiness: SocketReadiness = []
        if flags & EPOLLIN.rawValue != 0 { readiness.insert(.readable) }
        if flags & EPOLLOUT.rawValue != 0 { readiness.insert(.writable) }
        if flags & EPOLLRDHUP.rawValue != 0 { readiness.formUnion([.readable, .ended]) }
        return readiness
    }

    private func wait(_ events: inout [epoll_event]) -> Int {
        let isIdle = unsafe jobs.isEmpty && waiting.isEmpty && !isLate
        let sweep = nextSweep == .never ? -1 : nextSweep.milliseconds(since: time)
        let timeout = isIdle ? Int32(clamping: sweep) : 0
        let count = unsafe events.withUnsafeMutableBufferPointer { events in
            unsafe epoll_wait(poll.number, events.baseAddress, Int32(events.count), timeout)
        }
        precondition(count >= 0 || errno == EINTR, "epoll_wait fails for no other reason")
        return max(0, Int(count))
    }

    private func takeInbox() {
        var counter: eventfd_t = 0
        _ = unsafe eventfd_read(wakeUp.number, &counter)
        perform(inbox.withLock { exchange(&$0, with: []) } ?? [])
    }

    private func perform(_ taken: [Work]) {
        for work in taken {
            switch work {
            case .job(let job): unsafe jobs.append(job)
            case .action(let action): action()
            }
        }
    }

    /// Calls the handlers whose deadline has passed, and finds the next one.
    private func sweep() {
        nextSweep = .never
        for handler in unsafe handlers {
            if let handler { check(handler) }
        }
        for handler in timedHandlers { check(handler) }
        let interval = unsafe max(
            EventLoop.sweepIntervalMillisecondsMin,
            handlers.count / EventLoop.descriptorsPerSweepMillisecond)
        nextSweep = max(nextSweep, time.advanced(byMilliseconds: interval))
    }

    private func check(_ handler: any EventHandler) {
        if handler.deadline <= time { handler.deadlineReached(now: time) }
        bringForward(handler.deadline)
    }

    private func watch(_ descriptor: borrowing FileDescriptor) throws(SystemError) {
        let flags = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        var event = unsafe epoll_event(
            events: flags, data: epoll_data(fd: descriptor.number))
        let (poll, number) = (poll.number, descriptor.number)
        _ = try SystemCall.run("epoll_ctl") {
            unsafe epoll_ctl(poll, EPOLL_CTL_ADD, number, &event)
        }
    }
}
