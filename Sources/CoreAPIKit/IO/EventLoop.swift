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
    // The loop's thread alone touches these.
    private var handlers: [(any EventHandler)?] = []
    private var timedHandlers: [any EventHandler] = []
    private var flushing: [any EventHandler] = []
    /// What each descriptor's handler has not been told yet, since a turn was too short for it.
    private var untold: [SocketReadiness] = []
    /// The descriptors of those handlers, the first to be called first.
    private var late: [Int] = []
    private var budget = TurnBudget(at: .now())
    /// Who has asked for a turn; two lists take turns, as with the jobs.
    private var waiting: [any EventHandler] = []
    private var called: [any EventHandler] = []
    private var jobs: [UnownedJob] = []
    /// The jobs of the turn that runs: two lists take turns, so that neither is allocated anew.
    private var running: [UnownedJob] = []
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

    /// Is told at the end of each turn how long it ran, in nanoseconds: so late is looked at what
    /// came meanwhile.
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
        if isCurrent { return jobs.append(job) }
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
        // The first one wakes the loop, which then takes all that are there.
        if count == 1 { wake() }
        return count > 0
    }

    private func wake() {
        // A counter that is full would block, and is as good a wake-up as any.
        let result = eventfd_write(wakeUp.number, 1)
        precondition(result == 0 || errno == EAGAIN, "an eventfd can be written")
    }

    // MARK: - Handlers

    /// Calls the handler when its socket is ready: once for each change (edge-triggered).
    package func register(_ handler: any EventHandler, for socket: borrowing Socket)
        throws(SystemError)
    {
        assertCurrent()
        try watch(socket.descriptor)
        let number = Int(socket.descriptor.number)
        while handlers.count <= number {
            handlers.append(nil)
            untold.append([])
        }
        handlers[number] = handler
        untold[number] = []
    }

    /// To be called before the socket is closed, which ends the kernel's interest in it.
    package func unregister(_ socket: borrowing Socket) {
        assertCurrent()
        handlers[Int(socket.descriptor.number)] = nil
        untold[Int(socket.descriptor.number)] = []
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
        flushing.append(handler)
    }

    /// Calls the handler's `proceed` in the next turn, when others have had theirs.
    package func requestTurn(_ handler: any EventHandler) {
        assertCurrent()
        waiting.append(handler)
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
    func read(
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

    func assertCurrent() {
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

    /// Takes nothing more, and runs what was taken before.
    private func end() {
        let last = inbox.withLock { inbox in
            defer { inbox = nil }
            return inbox ?? []
        }
        perform(last)
        while !jobs.isEmpty || !waiting.isEmpty {
            runJobs()
            callWaiting()
        }
        flushAll()
    }

    /// Runs the jobs that there are; those that they add have their turn after the sockets.
    private func runJobs() {
        guard !jobs.isEmpty else { return }
        swap(&running, &jobs)
        budget = TurnBudget(at: .now())
        var count = 0
        repeat {
            let job = running[count]
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            count += 1
        } while count < running.count && !endsTurn()
        jobs.insert(contentsOf: running[count...], at: 0)
        running.removeAll(keepingCapacity: true)
    }

    /// As `runJobs`, of the handlers that have asked for a turn.
    private func callWaiting() {
        guard !waiting.isEmpty else { return }
        swap(&called, &waiting)
        budget = TurnBudget(at: .now())
        var count = 0
        repeat {
            let handler = called[count]
            handler.proceed()
            count += 1
        } while count < called.count && !endsTurn()
        waiting.insert(contentsOf: called[count...], at: 0)
        called.removeAll(keepingCapacity: true)
    }

    private func flushAll() {
        guard !flushing.isEmpty else { return }
        // A handler may ask again while it flushes.
        var index = 0
        while index < flushing.count {
            flushing[index].flush()
            index += 1
        }
        flushing.removeAll(keepingCapacity: true)
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

    /// Calls the handler, or notes that it is to be called once others have been that came before.
    private func tell(_ number: Int, _ readiness: SocketReadiness) {
        // The handler of an event in this batch may have been unregistered by another.
        guard let handler = handlers[number] else { return }
        if late.isEmpty, !budget.isSpent {
            handler.ready(readiness)
            _ = endsTurn()
            return
        }
        if untold[number].isEmpty { late.append(number) }
        untold[number].formUnion(readiness)
    }

    /// Calls the handlers that a turn before had no time for.
    private func callLate() {
        guard !late.isEmpty else { return }
        var count = 0
        repeat {
            let (handler, readiness) = (handlers[late[count]], untold[late[count]])
            untold[late[count]] = []
            // None: its socket was closed meanwhile.
            if let handler, !readiness.isEmpty { handler.ready(readiness) }
            count += 1
        } while count < late.count && !endsTurn()
        late.removeFirst(count)
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
        let timeout: Int32 =
            if !jobs.isEmpty || !waiting.isEmpty || !late.isEmpty { 0 } else if nextSweep == .never
            { -1 } else {
                Int32(clamping: nextSweep.milliseconds(since: time))
            }
        let count = unsafe events.withUnsafeMutableBufferPointer { events in
            unsafe epoll_wait(poll.number, events.baseAddress, Int32(events.count), timeout)
        }
        precondition(count >= 0 || errno == EINTR, "epoll_wait fails for no other reason")
        return max(0, Int(count))
    }

    private func takeInbox() {
        var counter: eventfd_t = 0
        _ = unsafe eventfd_read(wakeUp.number, &counter)
        let taken = inbox.withLock { inbox in
            defer { inbox = [] }
            return inbox ?? []
        }
        perform(taken)
    }

    private func perform(_ taken: [Work]) {
        for work in taken {
            switch work {
            case .job(let job): jobs.append(job)
            case .action(let action): action()
            }
        }
    }

    /// Calls the handlers whose deadline has passed, and finds the next one.
    private func sweep() {
        nextSweep = .never
        for case let handler? in handlers { check(handler) }
        for handler in timedHandlers { check(handler) }
        let interval = max(
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
        var event = unsafe epoll_event(events: flags, data: epoll_data(fd: descriptor.number))
        let (poll, number) = (poll.number, descriptor.number)
        _ = try SystemCall.run("epoll_ctl") {
            unsafe epoll_ctl(poll, EPOLL_CTL_ADD, number, &event)
        }
    }
}
