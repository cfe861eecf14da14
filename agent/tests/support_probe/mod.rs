//! Two network namespaces with links between them: `near` is the test's own thread, `far` answers.

// Each test binary uses a part of it.
#![allow(dead_code, unsafe_code, unreachable_pub)]

use rtnetlink::packet_route::address::AddressHeaderFlags;
use rtnetlink::packet_route::route::{RouteAttribute, RouteMetric, RouteType};
use rtnetlink::packet_route::rule::RuleAction;
use rtnetlink::{Handle, LinkUnspec, LinkVeth, RouteMessageBuilder, new_connection};
use shunt::clock;
use shunt::netlink::Binding;
use shunt_decision::{Outcome, ProbeId, Timestamp};
use std::fs::{self, File};
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

/// What no test waits longer for.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// Addresses that every link leads to.
pub const TARGET_V4: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 9);
pub const TARGET_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 9);

/// Runs `body` in a network namespace of its own: as root on a fresh thread, else in a child process inside a user
/// namespace.
pub fn in_namespace(test: &str, body: fn()) {
    const INSIDE: &str = "SHUNT_TEST_IN_USER_NAMESPACE";
    if std::env::var_os("SHUNT_SKIP_NETNS").is_some_and(|value| value == "1") {
        eprintln!("skipped: SHUNT_SKIP_NETNS=1");
        return;
    }
    // SAFETY: it only reads the process's own number.
    let root = unsafe { libc::geteuid() } == 0;
    if root || std::env::var_os(INSIDE).is_some() {
        let outcome = thread::spawn(move || {
            unshare(libc::CLONE_NEWNET).expect("a network namespace; SHUNT_SKIP_NETNS=1 skips these tests");
            prepare();
            body();
        })
        .join();
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
        return;
    }
    let (user, group) = own_numbers();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let become_root = move || {
        unshare(libc::CLONE_NEWUSER)?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("0 {group} 1"))
    };
    // SAFETY: the closure makes system calls and small allocations only; the test harness holds no lock over the fork
    // that they would wait for.
    unsafe { command.pre_exec(become_root) };
    let status = command.status().expect("a user namespace; SHUNT_SKIP_NETNS=1 skips these tests");
    assert!(status.success(), "the test failed in its user namespace");
}

fn own_numbers() -> (u32, u32) {
    // SAFETY: both only read the process's own numbers.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: it concerns the calling thread (or the fresh child) only.
    if unsafe { libc::unshare(flags) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Loopback up.
fn prepare() {
    net(async |handle| {
        handle.link().set(LinkUnspec::new_with_index(1).up().build()).execute().await.unwrap();
    });
}

/// Writes a sysctl of the calling thread's namespace.
pub fn sysctl(name: &str, value: &str) {
    fs::write(format!("/proc/sys/net/{name}"), value).unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// Speaks to the kernel from the calling thread's namespace.
pub fn net<T, F: Future<Output = T>>(work: impl FnOnce(Handle) -> F) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (connection, handle, _) = new_connection().unwrap();
        tokio::spawn(connection);
        work(handle).await
    })
}

pub fn index(name: &str) -> u32 {
    // By ioctl, since /sys shows the namespace that mounted it.
    let name = std::ffi::CString::new(name).unwrap();
    // SAFETY: the name is a valid C string.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    assert_ne!(index, 0, "{name:?} does not exist");
    index
}

pub fn set_up(name: &str, up: bool) {
    let link = LinkUnspec::new_with_name(name);
    let message = if up { link.up() } else { link.down() }.build();
    net(async |handle| handle.link().set(message).execute().await.unwrap());
}

/// The kernel activates a link that came up a moment later; what is sent until then is lost.
fn wait_until_up(name: &str) {
    let any = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let until = clock::now() + DEADLINE;
    // SAFETY: an `ifreq` is plain bytes, for which all zeros is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    loop {
        // SAFETY: the request is a valid `ifreq` and the socket is open; the kernel writes the flags.
        let flags = unsafe {
            assert_eq!(libc::ioctl(any.as_raw_fd(), libc::SIOCGIFFLAGS as _, &raw mut request), 0);
            request.ifr_ifru.ifru_flags
        };
        if i32::from(flags) & libc::IFF_RUNNING != 0 {
            return;
        }
        assert!(clock::now() < until, "{name} does not come up");
        thread::yield_now();
    }
}

pub fn add_address(name: &str, address: IpAddr, prefix: u8) {
    let index = index(name);
    net(async |handle| {
        let mut request = handle.address().add(index, address, prefix);
        // Duplicate address detection would keep it from use for seconds.
        request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        request.execute().await.unwrap();
    });
}

type Job = Box<dyn FnOnce() + Send>;

/// The far namespace: a thread that lives in it.
pub struct Far {
    jobs: Sender<Job>,
    namespace: File,
}

impl Far {
    pub fn new() -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (ready, opened) = mpsc::channel();
        thread::spawn(move || {
            unshare(libc::CLONE_NEWNET).unwrap();
            prepare();
            add_address("lo", TARGET_V4.into(), 32);
            add_address("lo", TARGET_V6.into(), 128);
            ready.send(File::open("/proc/thread-self/ns/net").unwrap()).unwrap();
            for job in queue {
                job();
            }
        });
        Self { jobs, namespace: opened.recv().unwrap() }
    }

    /// Does something in the far namespace and waits for it.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = mpsc::channel();
        self.jobs.send(Box::new(move || drop(done.send(work())))).unwrap();
        result.recv().expect("the far side's work")
    }

    /// The namespace itself, for a thread that wants to enter it.
    pub fn descriptor(&self) -> RawFd {
        self.namespace.as_raw_fd()
    }

    /// Link number `n` (from 1): `w<n>` here with 10.0.n.1, `f<n>` there with 10.0.n.2, a table of its own for its mark.
    pub fn link(&self, n: u8) {
        let (near, far) = (format!("w{n}"), format!("f{n}"));
        let namespace = self.namespace.as_raw_fd();
        net(async |handle| {
            let veth = LinkVeth::new(&near, &far).build();
            handle.link().add(veth).execute().await.unwrap();
            let moved = LinkUnspec::new_with_name(&far).setns_by_fd(namespace).build();
            handle.link().set(moved).execute().await.unwrap();
        });
        let [here, there, here6, there6] = addresses(n);
        let peer = far.clone();
        self.run(move || {
            set_up(&peer, true);
            add_address(&peer, there, 24);
            add_address(&peer, there6, 64);
        });
        set_up(&near, true);
        add_address(&near, here, 24);
        add_address(&near, here6, 64);
        table(n, n);
        let peer = far.clone();
        self.run(move || wait_until_up(&peer));
        wait_until_up(&near);
    }
}

/// This side's and the far side's addresses of a link, in both families.
pub fn addresses(n: u8) -> [IpAddr; 4] {
    let v4 = |end| Ipv4Addr::new(10, 0, n, end).into();
    let v6 = |end| Ipv6Addr::new(0xfd00, u16::from(n) + 0x100, 0, 0, 0, 0, 0, end).into();
    [v4(1), v4(2), v6(1), v6(2)]
}

/// The mark of a link.
pub fn mark(n: u8) -> u32 {
    u32::from(n) << 8
}

/// What probes of a link are bound to.
pub fn binding(n: u8, v6: bool) -> Binding {
    let interface = format!("w{n}");
    let [v4_source, _, v6_source, _] = addresses(n);
    let source = if v6 { v6_source } else { v4_source };
    Binding { index: index(&interface), interface, source, mark: mark(n) }
}

/// Hop limit of the routes in a table, by which a packet shows which table it was routed by.
pub const fn hops(n: u8) -> u8 {
    100 + n
}

/// A table for mark `n`: defaults by link `by`, and `unreachable` beneath them.
pub fn table(n: u8, by: u8) {
    let table = 1_000 + u32::from(n);
    let out = index(&format!("w{by}"));
    let [_, there, _, there6] = addresses(by);
    let (IpAddr::V4(there), IpAddr::V6(there6)) = (there, there6) else { panic!() };
    let nothing = RouteType::Unreachable;
    let v4 = || RouteMessageBuilder::<Ipv4Addr>::new().table_id(table);
    let v6 = || RouteMessageBuilder::<Ipv6Addr>::new().table_id(table);
    let mut best4 = v4().output_interface(out).gateway(there).priority(1).build();
    let mut best6 = v6().output_interface(out).gateway(there6).priority(1).build();
    for best in [&mut best4, &mut best6] {
        let hops = vec![RouteMetric::Hoplimit(hops(n).into())];
        best.attributes.push(RouteAttribute::Metrics(hops));
    }
    net(async |handle| {
        for route in [v4().kind(nothing).priority(9_999).build(), best4] {
            handle.route().add(route).execute().await.unwrap();
        }
        for route in [v6().kind(nothing).priority(9_999).build(), best6] {
            handle.route().add(route).execute().await.unwrap();
        }
        let (rule, priority) = (|| handle.rule().add(), 100 + u32::from(n));
        let action = RuleAction::ToTable;
        let v4 = rule().v4().fw_mark(mark(n)).table_id(table).priority(priority).action(action);
        v4.execute().await.unwrap();
        let v6 = rule().v6().fw_mark(mark(n)).table_id(table).priority(priority).action(action);
        v6.execute().await.unwrap();
    });
}

/// A route in `main`.
pub fn main_route(to: Ipv4Addr, prefix: u8, via: IpAddr) {
    let IpAddr::V4(via) = via else { panic!() };
    let route = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(to, prefix).gateway(via).build();
    net(async |handle| handle.route().add(route).execute().await.unwrap());
}

/// Drains until `count` outcomes came.
pub fn collect(
    count: usize,
    mut drain: impl FnMut(Timestamp, &mut Vec<(ProbeId, Outcome)>),
) -> Vec<(ProbeId, Outcome)> {
    let until = clock::now() + DEADLINE;
    let mut outcomes = Vec::new();
    while outcomes.len() < count {
        let now = clock::now();
        assert!(now < until, "only {outcomes:?} came");
        drain(now, &mut outcomes);
        thread::yield_now();
    }
    outcomes
}

/// When a probe sent now is given up: later than the test.
pub fn expires() -> Timestamp {
    clock::now() + DEADLINE * 2
}

/// The round-trip time of a reply.
pub fn rtt(outcome: Outcome) -> Duration {
    match outcome {
        Outcome::Reply { rtt, .. } => rtt,
        other => panic!("no reply: {other:?}"),
    }
}
