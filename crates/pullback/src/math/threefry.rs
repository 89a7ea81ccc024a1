//! The counter-based generator Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random
//! numbers: as easy as 1, 2, 3", 2011), the default generator of JAX.

/// The parity constant of Threefish's key schedule.
const PARITY: u32 = 0x1bd1_1bda;

#[inline(always)]
fn add<const A: usize>(mut x: [u32; A], y: [u32; A]) -> [u32; A] {
    for i in 0..A {
        x[i] = x[i].wrapping_add(y[i]);
    }
    x
}

/// Four rounds with those rotations, then a part of the key schedule. Spelled out: a loop over rounds inside a loop
/// over counters would keep the outer one from becoming vector code.
macro_rules! rounds {
    ($x:ident, $y:ident, [$a:literal $b:literal $c:literal $d:literal], $k:ident, $l:ident, $n:literal) => {
        rounds!($x, $y, $a);
        rounds!($x, $y, $b);
        rounds!($x, $y, $c);
        rounds!($x, $y, $d);
        $x = add($x, $k);
        $y = add(add($y, $l), [$n; A]);
    };
    ($x:ident, $y:ident, $r:literal) => {
        $x = add($x, $y);
        for i in 0..A {
            $y[i] = $y[i].rotate_left($r) ^ $x[i];
        }
    };
}

/// The block cipher's value at `ctr` under `key`.
#[inline(always)]
pub fn threefry2x32(key: [u32; 2], ctr: [u32; 2]) -> [u32; 2] {
    threefry2x32_of(key.map(|k| [k]), ctr.map(|c| [c])).map(|[x]| x)
}

/// Its values at some counters, each under a key of its own, word by word; their rounds are taken in turn, as in
/// [`abreast`](super::abreast).
#[inline(always)]
pub fn threefry2x32_of<const A: usize>([k0, k1]: [[u32; A]; 2], ctr: [[u32; A]; 2]) -> [[u32; A]; 2] {
    let mut k2 = [PARITY; A];
    for i in 0..A {
        k2[i] ^= k0[i] ^ k1[i];
    }
    let (mut x, mut y) = (add(ctr[0], k0), add(ctr[1], k1));
    rounds!(x, y, [13 15 26 6], k1, k2, 1);
    rounds!(x, y, [17 29 16 24], k2, k0, 2);
    rounds!(x, y, [13 15 26 6], k0, k1, 3);
    rounds!(x, y, [17 29 16 24], k1, k2, 4);
    rounds!(x, y, [13 15 26 6], k2, k0, 5);
    [x, y]
}

#[cfg(test)]
mod tests {
    use super::super::Real;
    use super::*;

    /// `jax.random.key(123456789012345)`.
    const KEY: [u32; 2] = [28744, 2249056121];

    #[test]
    fn known_answers() {
        // The vectors published with the Random123 library.
        assert_eq!(threefry2x32([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        let ones = [u32::MAX; 2];
        assert_eq!(threefry2x32(ones, ones), [0x1cb9_96fc, 0xbb00_2be7]);
        let key = [0x1319_8a2e, 0x0370_7344];
        assert_eq!(threefry2x32(key, [0x243f_6a88, 0x85a3_08d3]), [0xc492_3a9c, 0x483d_f7a0]);
    }

    #[test]
    fn split_and_fold_in() {
        // jax.random 0.10, partitionable form: child i is the block at the counter i.
        let children = [
            [1788519888, 1023594122],
            [1970908650, 1344878376],
            [1246917144, 944670341],
            [3019306979, 1074532758],
            [2744302381, 2163298765],
            [1362431912, 3361974181],
            [436574160, 1347044114],
        ];
        for (i, child) in children.into_iter().enumerate() {
            assert_eq!(threefry2x32(KEY, [0, i as u32]), child);
        }
        assert_eq!(threefry2x32(KEY, [0, 2_147_483_648]), [2673898772, 1597340430]);
    }

    #[test]
    fn bits_uniform_and_normal() {
        let bits32 = [1469606746, 626039490, 1914500253, 4093306485, 593750752];
        for (i, want) in bits32.into_iter().enumerate() {
            let [a, b] = threefry2x32(KEY, [0, i as u32]);
            assert_eq!(a ^ b, want);
        }
        let bits64 = [7681634428229176970, 8464988196498388776, 5355468355246392965u64];
        for (i, want) in bits64.into_iter().enumerate() {
            let [a, b] = threefry2x32(KEY, [0, i as u32]);
            assert_eq!(u64::from(a) << 32 | u64::from(b), want);
        }
        let uniform = [
            0.3421694040298462,
            0.1457611322402954,
            0.4457542896270752,
            0.9530471563339233,
            0.13824331760406494,
            0.5989785194396973,
        ];
        let normal: [f64; 6] = [
            -0.4065496027469635,
            -1.0547878742218018,
            -0.13639548420906067,
            1.6751456260681152,
            -1.0882453918457031,
            0.2507040798664093,
        ];
        let uniform64 = [
            0.41642223676627577,
            0.45888792963538516,
            0.29032052127177543,
            0.7029871873674411,
            0.6389576898663496,
            0.31721589918778514,
        ];
        let normal64: [f64; 6] = [
            -0.2110548468560257,
            -0.10323575984496443,
            -0.552448597734334,
            0.5330114919276008,
            0.355674131042759,
            -0.4754983649386287,
        ];
        for i in 0..6 {
            let [a, b] = threefry2x32(KEY, [0, i as u32]);
            let u = f32::from_bits((a ^ b) >> 9 | 0x3f80_0000) - 1.0;
            assert_eq!(f64::from(u), uniform[i]);
            let lo = -1.0f32.next_down();
            let z = std::f32::consts::SQRT_2 * Real::erf_inv::<true>((u * (1.0 - lo) + lo).max(lo));
            assert!((f64::from(z) / normal[i] - 1.0).abs() < 2e-6);
            let bits = u64::from(a) << 32 | u64::from(b);
            let u = f64::from_bits(bits >> 12 | 0x3ff0_0000_0000_0000) - 1.0;
            assert_eq!(u, uniform64[i]);
            let lo = -1.0f64.next_down();
            let z = std::f64::consts::SQRT_2 * Real::erf_inv::<true>((u * (1.0 - lo) + lo).max(lo));
            assert!((z / normal64[i] - 1.0).abs() < 1e-12);
        }
    }
}
