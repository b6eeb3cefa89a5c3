<?php
// Symfony from Debian's packages without Composer: SYMFONY is their folder, each package is PSR-4 below it.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
$packages = getenv('SYMFONY');
spl_autoload_register(function (string $class) use ($packages) {
    if (is_file($file = $packages.'/'.strtr($class, '\\', '/').'.php')) {
        require $file;
    }
});
foreach (glob($packages.'/Symfony/Polyfill/Php8*/bootstrap.php') as $file) {
    require_once $file;
}
if (!function_exists('trigger_deprecation')) {
    require $packages.'/Symfony/Contracts/Deprecation/function.php';
}
